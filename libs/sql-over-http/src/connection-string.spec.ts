import { describe, expect, it } from '@jest/globals';
import { isGatewayError } from '@pgwake/gateway-errors';
import fc from 'fast-check';
import { type ConnectionString, parseConnectionString } from './index.js';

function refusalOf(text: string): string {
  try {
    parseConnectionString(text);
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    expect(error.code).toBe('REQUEST_INVALID');
    return error.message;
  }
  throw new Error(`was accepted: ${text}`);
}

describe('parseConnectionString', () => {
  it('reads what the driver sends', () => {
    const sent =
      'postgresql://de%20mo:p%40w+x%25@Demo.gw.test:4432/my%20db?options=endpoint%3Ddemo+-c+x%3D1&sslmode=require' +
      '&application_name=pkg%3Anpm%2F%2540neondatabase%2Fserverless%401.2.0';
    expect(parseConnectionString(sent)).toEqual({
      host: 'demo.gw.test',
      user: 'de mo',
      password: 'p@w+x%',
      database: 'my db',
      parameters: [
        ['options', 'endpoint=demo -c x=1'],
        ['application_name', 'pkg:npm/%40neondatabase/serverless@1.2.0'],
      ],
    });
  });

  it.each([
    ['postgres://u@localhost/d', { host: 'localhost', password: '' }],
    ['postgres://u:@localhost/d', { password: '' }],
    ['postgres://u:a:b@ep_1-x.gw.test./d', { host: 'ep_1-x.gw.test.', password: 'a:b' }],
    ['postgres://u:p@localhost/a%2Fb', { database: 'a/b' }],
    ['postgres://u:p@localhost/d?', { parameters: [] }],
    ['postgres://u:p@localhost/d?sslmode=disable&channel_binding=require', { parameters: [] }],
  ] as [string, Partial<ConnectionString>][])('takes %s', (text, part) => {
    expect(parseConnectionString(text)).toMatchObject(part);
  });

  // Each could make somebody else's server be meant, or be read in two ways.
  it.each([
    'postgres://u:p@169.254.169.254/db',
    'postgres://u:p@[::1]:6379/db',
    'postgres://u:p@0x7f000001/db',
    'postgres://u:p@0X7F.1/db',
    'postgres://u:p@127.1/db',
    'postgres://u:p@0127.0.0.1/db',
    'postgres://u:p@2130706433/db',
    'postgres://u:p@127.0.0.1./db',
    'postgres://u:p@localhost#.gw.test/db',
    'postgres://u:p@ep.gw.test@evil/db',
    'postgres://u:p@evil\\@ep.gw.test/db',
    'postgres://u:p@evil\\.ep.gw.test/db',
    'postgres://u:p@ep.gw.test:5432:80/db',
    'postgres://u:p@ep.gw.test:99999/db',
    'postgres://u:p@ep.gw.test:/db',
    'postgres://u:p@%65p.gw.test/db',
    'postgres://u:p@ep.gw.test%00.evil/db',
    'postgres://u:p@ep..gw.test/db',
    'postgres://u:p@-ep.gw.test/db',
    'postgres://u:p@a,b/db',
    'postgres://u:p@a:1,b:2/db',
    'postgres://u:p@%2Fvar%2Frun/db',
    'postgres://u:p@/db',
    'postgres://u:p@ep。gw。test/db',
    'postgres://u:p@\u212a.gw.test/db',
    'postgres://u:p@localhost/db?host=10.0.0.1',
    'postgres://u:p@localhost/db?hostaddr=10.0.0.1',
    'postgres://u:p@localhost/db?HOST=x&port=6379',
    'postgres://u:p@localhost/db?%68ost=10.0.0.1',
    'postgres://u:p@localhost/db?user=postgres',
    'postgres://u:p@localhost/db?password=q',
    'postgres://u:p@localhost/db?dbname=other',
    'postgres://u:p@localhost/db?service=x',
    'postgres://u:p@localhost/db?passfile=/etc/passwd',
    'postgres://u:p@localhost/db?sslkey=/etc/shadow',
    'postgres://u:p@localhost/db?options=endpoint%3Da&options=endpoint%3Db',
    'postgres://u:p@localhost/db?x=%00',
    'postgres://u:p@localhost/db?a=1?b=2',
    'http://u:p@localhost/db',
    'file:///etc/passwd',
    'POSTGRES://u:p@localhost/db',
    'postgres:/u:p@localhost/db',
    'postgres://u:p@localhost',
    'postgres://u:p@localhost/',
    'postgres://u:p@localhost/../..',
    'postgres://u:p@localhost/a/b',
    'postgres://localhost/db',
    'postgres://:p@localhost/db',
    'postgres://u%00x:p@localhost/db',
    'postgres://u:p%00@localhost/db',
    'postgres://u:p%@localhost/db',
    'postgres://u:%c3%28@localhost/db',
    'postgres://u:p@localhost/db, postgres://u:p@localhost/db',
    'postgres://u:p w@localhost/db',
    'postgres://u:p\u00e4@localhost/db',
    'postgres://u:p\r\nx:y@localhost/db',
    `postgres://${'u'.repeat(64)}:p@localhost/db`,
    `postgres://u:${'p'.repeat(1_000_000)}@localhost/db`,
    '',
  ])('refuses %.80j', (text) => {
    expect(refusalOf(text)).toMatch(/^the request is not valid: the connection string /);
  });

  it('repeats no password and no host in what it says', () => {
    for (const text of [
      'postgres://u:s3cret@h1dden:x/db',
      'postgres://u:s3cret%@h1dden/db',
      'x://u:s3cret@h1dden/db',
    ]) {
      expect(refusalOf(text)).not.toMatch(/s3cret|h1dden/);
    }
  });

  it('gives back whatever was encoded', () => {
    const word = fc.string({ minLength: 1, maxLength: 15, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(word, word, word, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent) as [string, string, string];
        fc.pre(new TextEncoder().encode(user).length <= 63);
        expect(parseConnectionString(`postgres://${u}:${p}@demo.localhost/${d}`)).toMatchObject({
          user,
          password,
          database,
        });
      }),
    );
  });

  it('takes any text or refuses it, and knows no third way', () => {
    const piece = fc.constantFrom(
      'postgres://',
      'u',
      ':',
      'p',
      '@',
      'localhost',
      '/',
      'db',
      '?',
      'a=b',
      '%41',
      '%',
      '#',
      '1',
      '.',
      ',',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            expect(parseConnectionString(text).host).toMatch(/^[a-z0-9._-]+$/);
          } catch (error) {
            expect(isGatewayError(error)).toBe(true);
          }
        },
      ),
    );
  });
});
