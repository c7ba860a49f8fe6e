import { describe, expect, it } from '@jest/globals';
import { parseAccount } from './database-user.js';

describe('parseAccount', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\nbroken\n';
  it('finds an account by its whole name', () => {
    expect(parseAccount(passwd, 'postgres')).toEqual({ name: 'postgres', uid: 101, gid: 104 });
    expect(parseAccount(passwd, 'post')).toBeUndefined();
    expect(parseAccount(passwd, 'broken')).toBeUndefined();
  });
});
