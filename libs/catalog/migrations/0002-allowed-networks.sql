-- From where clients may connect to the endpoint, in CIDR notation; empty: from everywhere.
alter table pgwake.endpoints add allowed_networks text[] not null default '{}';
