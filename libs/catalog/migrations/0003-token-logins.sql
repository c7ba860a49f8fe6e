-- Roles whose clients prove themselves with tokens (JWT). The keys are those of a password that nobody knows; they work as
-- long as the role's verifier is the one made with them. No reference to pgwake.roles: its rows are replaced all the time.
create table pgwake.token_logins (
  endpoint text not null references pgwake.endpoints on delete cascade,
  role text not null,
  jwks_url text,
  jwks text,
  issuer text,
  audience text,
  client_key bytea not null,
  server_key bytea not null,
  primary key (endpoint, role),
  check ((jwks_url is null) <> (jwks is null))
);
