import { describe, expect, it } from '@jest/globals';
import { cutSecrets } from './cut-secrets.js';

describe('cutSecrets', () => {
  it.each(['password', 'verifier', 'secret', 'clientKey', 'serverKey', 'sql', 'authorization'])(
    'cuts %s, also one level down, and leaves what stands beside it',
    (name) => {
      const fields = { [name]: 'hunter2', role: 'app', login: { [name]: 'hunter2', endpoint: 'demo' } };
      expect(cutSecrets(fields)).toEqual({
        [name]: '[cut]',
        role: 'app',
        login: { [name]: '[cut]', endpoint: 'demo' },
      });
    },
  );

  it('changes nothing of what it was given', () => {
    const login = { password: 'hunter2' };
    const fields = { login };
    cutSecrets(fields);
    expect(fields.login).toBe(login);
    expect(login.password).toBe('hunter2');
  });

  it('copies nothing where there is no secret', () => {
    const fields = { role: 'app', generation: 3, cause: null, steps: ['cache hit'], at: new Date(0) };
    expect(cutSecrets(fields)).toBe(fields);
  });
});
