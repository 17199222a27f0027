import { holdsLiteralSecrets, looksSecret, redactObject, redactText } from '../../src/model/redact';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.c2lnbmF0dXJl';
const key = ['-----BEGIN RSA PRIVATE KEY-----', 'MIIEabc', '-----END RSA PRIVATE KEY-----'].join(
  '\n',
);
const awsKey = ['AKIA', 'IOSFODNN7EXAMPLE'].join('');

describe('redactText', () => {
  test.each([
    [
      'a URL with a password',
      'postgres://app:hunter2@db:5432/shop',
      'postgres://app:***@db:5432/shop',
    ],
    ['a password with a colon', 'redis://:a:b@cache', 'redis://:***@cache'],
    ['a bearer token', 'Authorization: Bearer abcdef123456', 'Authorization: Bearer ***'],
    ['a JWT', `got ${jwt} from x`, 'got *** from x'],
    ['an AWS key', `key ${awsKey}`, 'key ***'],
    ['a PEM block', `before\n${key}\nafter`, 'before\n*** (RSA PRIVATE KEY)\nafter'],
    ['a PEM block that is cut off', '-----BEGIN PRIVATE KEY-----\nMIIE', '*** (PRIVATE KEY)'],
    ['an assignment', 'connecting with password=hunter2 now', 'connecting with password=*** now'],
    ['JSON', '{"apiKey": "abc", "name": "web"}', '{"apiKey": "***", "name": "web"}'],
    ['a flag', '--db-password=hunter2 --verbose', '--db-password=*** --verbose'],
    ['a password of words', 'password="correct horse" x', 'password="***" x'],
    [
      'a quote in it',
      String.raw`{"password":"ab\"cd","user":"u"}`,
      '{"password":"***","user":"u"}',
    ],
    [
      'JSON in JSON',
      String.raw`{"msg":"{\"token\":\"abc def\",\"a\":1}"}`,
      String.raw`{"msg":"{\"token\":\"***\",\"a\":1}"}`,
    ],
    ['single quotes', "secret: 'it is'", "secret: '***'"],
    ['a hash that begins with a dollar', 'password=$2b$10$abcdef', 'password=***'],
    ['a flag and its value', 'run --db-password hunter2 -v', 'run --db-password *** -v'],
    ['a cookie', 'Set-Cookie: session=abc; Path=/', 'Set-Cookie: ***'],
    ['another scheme', 'authorization: Token abc', 'authorization: ***'],
    ['a GitLab token', `x ${['glpat', 'abcdefghijklmnopqrst'].join('-')}`, 'x ***'],
    [
      'a Slack hook',
      'https://hooks.slack.com/services/T0/B0/xyz',
      'https://hooks.slack.com/services/***',
    ],
    [
      'a PEM block whose beginning is cut off',
      `2026-01-01 ${'A'.repeat(64)}\n2026-01-01 -----END PRIVATE KEY-----\nafter`,
      '2026-01-01 ***\n2026-01-01 -----END PRIVATE KEY-----\nafter',
    ],
    [
      'a PEM block in one line',
      String.raw`k: -----BEGIN EC PRIVATE KEY-----\nMII\n-----END EC PRIVATE KEY-----`,
      'k: *** (EC PRIVATE KEY)',
    ],
  ])('masks %s', (_name, text, expected) => {
    expect(redactText(text)).toBe(expected);
    expect(redactText(expected)).toBe(expected);
  });

  test.each([
    'error: connection refused to http://db:5432/shop',
    '2026-03-01T12:00:00Z GET /healthz 200',
    'password=$(DB_PASSWORD)',
    'token file: token.path=/var/run/token',
    'monkey=banana keyboard=de',
    'password="" token=',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'usage: tool --verbose --output file',
  ])('leaves %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

test.each([
  ['one word', 'x'],
  ['a host without an end', 'a.'],
  ['schemes', 'x://'],
  ['schemes with a user', 'x://a:'],
  ['tokens that begin', 'eyJ-'],
  ['tokens with dots', 'eyJaaaaa.'],
  ['blanks', ' '],
  ['bearers', 'bearer '],
  ['quotes', 'password="'],
  ['escapes', 'password=\\\\"'],
  ['keys that begin', '-----BEGIN A'],
  ['keys that end', '-----END A'],
  ['equal signs', 'a='],
  ['flags', '--a '],
  ['cookies', 'cookie:'],
])('half a megabyte of %s is read once', (_name, part) => {
  const text = part.repeat(Math.ceil((512 * 1024) / part.length));
  expect(redactText(text).length).toBeGreaterThan(0);
});

test.each([
  ['DB_PASSWORD', true],
  ['apiToken', true],
  ['SENTRY_DSN', true],
  ['AWS_SECRET_ACCESS_KEY', true],
  ['signingKey', true],
  ['KEYBOARD', false],
  ['PASSWORD_FILE', false],
  ['LOG_LEVEL', false],
])('looksSecret %s', (name, expected) => {
  expect(looksSecret(name)).toBe(expected);
});

const podWith = (container: object, annotations = {}) => ({
  metadata: { name: 'web', annotations },
  spec: { containers: [{ name: 'main', image: 'web:1', ...container }] },
});

describe('redactObject', () => {
  test('masks variables, arguments and annotations, and leaves references', () => {
    const before = podWith(
      {
        env: [
          { name: 'API_TOKEN', value: 'hunter2' },
          { name: 'URL', value: 'amqp://u:hunter2@mq' },
          { name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
          { name: 'LEVEL', value: 'debug' },
        ],
        args: ['--password', 'hunter2', '--token', '$(API_TOKEN)', '--port', '80'],
      },
      {
        'kubectl.kubernetes.io/last-applied-configuration': '{"x":"hunter2"}',
        'example.org/token': 'hunter2',
      },
    );
    const copy = structuredClone(before);
    const after = redactObject(before);
    expect(JSON.stringify(after)).not.toContain('hunter2');
    expect(before).toEqual(copy);
    const [container] = after.spec.containers as typeof after.spec.containers &
      { args: string[] }[];
    expect(container).toMatchObject({
      env: [
        { name: 'API_TOKEN', value: '***' },
        { name: 'URL', value: 'amqp://u:***@mq' },
        { name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        { name: 'LEVEL', value: 'debug' },
      ],
      args: ['--password', '***', '--token', '$(API_TOKEN)', '--port', '80'],
    });
  });
});

describe('holdsLiteralSecrets', () => {
  const secretRef = { name: 'db', key: 'password' };
  test.each([
    ['a variable', podWith({ env: [{ name: 'DB_PASSWORD', value: 'x' }] }), true],
    ['an argument', podWith({ args: ['--token=abc'] }), true],
    ['an annotation', podWith({}, { 'example.org/api-key': 'abc' }), true],
    [
      'a reference',
      podWith({ env: [{ name: 'DB_PASSWORD', valueFrom: { secretKeyRef: secretRef } }] }),
      false,
    ],
    ['nothing', podWith({ env: [{ name: 'LEVEL', value: 'debug' }] }), false],
    [
      'the configuration that kubectl repeats',
      podWith({}, { 'kubectl.kubernetes.io/last-applied-configuration': '{"password":"x"}' }),
      false,
    ],
  ])('%s', (_name, pod, expected) => {
    expect(holdsLiteralSecrets(pod)).toBe(expected);
  });
});
