import { describe, expect, it } from '@jest/globals';
import type { RoleName } from '@pgwake/ids';
import { isReservedDatabase, isReservedRole, sameRoles } from './index.js';

const role = (name: string, verifier: string) => ({ name: name as RoleName, verifier });

describe('reserved names', () => {
  it.each(['pgwake', 'pg_monitor', 'public', 'none'])('no client may be %s', (name) => {
    expect(isReservedRole(name)).toBe(true);
  });
  it.each(['app', 'PGWAKE', 'pgwake2', 'postgres'])(
    'a client may be %s, names being compared as Postgres does',
    (name) => {
      expect(isReservedRole(name)).toBe(false);
    },
  );
  it('keeps the service database and the templates', () => {
    expect(['pgwake', 'template0', 'template1', 'postgres', 'app'].map(isReservedDatabase)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('sameRoles', () => {
  it('compares names and verifiers, not order', () => {
    expect(sameRoles([role('a', '1'), role('b', '2')], [role('b', '2'), role('a', '1')])).toBe(true);
    expect(sameRoles([role('a', '1')], [role('a', '2')])).toBe(false);
    expect(sameRoles([role('a', '1')], [role('b', '1')])).toBe(false);
    expect(sameRoles([role('a', '1')], [])).toBe(false);
  });
});
