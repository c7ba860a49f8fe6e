-- The row of an endpoint is the one truth about it. Times are compared by this server's clock only.
create table pgwake.endpoints (
  id text primary key check (id ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  state text not null default 'suspended' check (state in ('suspended', 'starting', 'running', 'suspending')),
  -- How often its compute has been started. Never goes back, not even when the endpoint is deleted and made again.
  generation bigint not null default 0 check (generation >= 0),
  owner integer,
  address jsonb,
  identity jsonb,
  state_since timestamptz not null default clock_timestamp(),
  availability text not null default 'open' check (availability in ('open', 'disabled', 'deleting')),
  database text not null,
  database_owner text not null,
  idle_suspend_after_ms bigint check (idle_suspend_after_ms > 0),
  roles_pending boolean not null default false,
  failed_starts integer not null default 0,
  last_failed_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  check ((state = 'suspended') = (owner is null)),
  check ((state in ('running', 'suspending')) = (address is not null and identity is not null)),
  check (state = 'suspended' or generation > 0)
);

create table pgwake.retired_endpoints (
  id text primary key,
  generation bigint not null
);

-- A verifier of null stands for a role that is to be dropped from the compute at the next wake.
create table pgwake.roles (
  endpoint text not null references pgwake.endpoints on delete cascade,
  name text not null,
  verifier text check (verifier like 'SCRAM-SHA-256$%'),
  pending boolean not null,
  primary key (endpoint, name),
  check (pending or verifier is not null)
);

create table pgwake.wakes (
  endpoint text not null references pgwake.endpoints on delete cascade,
  generation bigint not null,
  reason text not null,
  outcome text not null,
  total_ms double precision not null,
  phases jsonb not null,
  detail text,
  ended_at timestamptz not null default clock_timestamp(),
  primary key (endpoint, generation)
);

create table pgwake.secrets (
  name text primary key,
  value bytea not null
);

-- Each life of a wake-service instance takes a number, and holds a shared advisory lock of that number on the connection
-- over which it listens. The lock goes when the instance goes, however it goes.
create sequence pgwake.owners as integer cycle;

create function pgwake.owner_lives(owner integer) returns boolean
language sql stable strict
return exists (
  select from pg_catalog.pg_locks
  where locktype = 'advisory' and granted and classid = 1885824875 and objid = owner::oid and objsubid = 2
    and database = (select oid from pg_catalog.pg_database where datname = current_database())
);

create function pgwake.announce_change() returns trigger
language plpgsql as $$
begin
  perform pg_notify('pgwake_endpoints', coalesce(new.id, old.id));
  return null;
end
$$;

create trigger announce_change after insert or update or delete on pgwake.endpoints
for each row execute function pgwake.announce_change();
