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
  ])('leaves %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
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
