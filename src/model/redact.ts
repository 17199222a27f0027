import type { V1Pod } from '@kubernetes/client-node';

const mask = '***';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

const secretPart =
  /passw|passphrase|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key/i;
const secretWords = new Set(['pass', 'pwd', 'key', 'keys', 'cred', 'creds', 'dsn']);
/** Such a name tells where a secret lies, not what it is. */
const pointsElsewhere = /[-_.](file|path|dir|name|ref)$/i;

/**
 * Texts that are credentials by their form; `$1` tells the reader what was there. Each pattern begins only where a
 * word does, so that a long line without an end costs no more than its length.
 */
const credentials: readonly [RegExp, string][] = [
  [/-----BEGIN ([A-Z ]+)-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g, `${mask} ($1)`],
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${mask}@`],
  [/(hooks\.slack\.com\/services\/)[\w/]+/g, `$1${mask}`],
  [/\b((?:bearer|basic)\s+)[\w.~+/-]{8,}=*/gi, `$1${mask}`],
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*["']?\s*[:=]\s*\\*["']?)(?!\s*(?:bearer|basic)\s+\*\*\*)[^\s"'\\][^\r\n"'\\]*/gi,
    `$1$2${mask}`,
  ],
  [/(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, mask],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, mask],
  [/\b(?:gh[pousr]_\w{20,}|github_pat_\w{22,}|glpat-[\w-]{20,}|npm_\w{36})/g, mask],
  [/\b(?:xox[abprs]-[\w-]{10,}|sk_(?:live|test)_\w{16,}|AIza[\w-]{35}|hvs\.[\w-]{20,})/g, mask],
];

/** What is left of a key whose beginning was cut off: long words of Base64 before the end's mark. */
const keyWithoutBeginning = /^(?:(?!-----BEGIN)[\s\S])*?-----END [A-Z ]+-----/;
const base64 = /(?<![\w+/])[\w+/]{40,}={0,2}/g;

/** `password=…`, `"token": "…"`, `\"token\":\"…\"`: up to the closing quote, where there is an opening one. */
const assignment =
  /(?<![\w.-])([\w.-]+)(\\*["']?\s*[=:]\s*)("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|\\+"(?:(?!\\+")[^\n])*|[^\s"',;&\\]+)/g;

/** `--token …` */
const flag = /(?<!\S)(--?[\w.-]+)(\s+)(?![-"'])(\S+)/g;

/** `$TOKEN`, `$(TOKEN)` or `${TOKEN}`, which is no secret. */
const reference = /^\$(?:\w+|\(\w+\)|\{\w+\})$/;

/** Whether a variable, flag or annotation of this name is likely to hold a secret. */
export function looksSecret(name: string): boolean {
  if (pointsElsewhere.test(name)) return false;
  if (secretPart.test(name)) return true;
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return words.split(/[^a-z0-9]+/).some((word) => secretWords.has(word));
}

/** A text, such as a log, with everything masked that looks like a credential. */
export function redactText(text: string): string {
  const whole = text.replace(keyWithoutBeginning, (rest) => rest.replace(base64, mask));
  const known = credentials.reduce(
    (masked, [pattern, replacement]) => masked.replace(pattern, replacement),
    whole,
  );
  return redactAssignments(known).replace(flag, (found, name, between, value) =>
    redactValue(found, name, between, value),
  );
}

/** What stands in quotes may be JSON itself, whose assignments count too. */
function redactAssignments(text: string, within = true): string {
  return text.replace(assignment, (found, name: string, between: string, value: string) => {
    const masked = redactValue(found, name, between, value);
    const quoted = masked === found && within && value.startsWith('"');
    return quoted ? `${name}${between}${redactAssignments(value, false)}` : masked;
  });
}

/** Masks a value by its name; its quotes stay. */
function redactValue(found: string, name: string, between: string, quoted: string): string {
  const [, open = '', value = '', close = ''] = /^(\\*["']?)([\s\S]*?)(["']?)$/.exec(quoted) ?? [];
  if (value === '' || reference.test(value) || !looksSecret(name)) return found;
  return `${name}${between}${open}${mask}${close}`;
}

/**
 * A copy of a Kubernetes object with secrets masked: environment variables, arguments and annotations
 * by name, any text by form, and the whole of `last-applied-configuration`, which repeats them.
 */
export function redactObject<T>(object: T): T {
  return redact(object) as T;
}

/** Whether secrets stand in a pod's own manifest, rather than in a Secret that it refers to. */
export function holdsLiteralSecrets(pod: V1Pod): boolean {
  const { [lastApplied]: _repeated, ...annotations } = pod.metadata?.annotations ?? {};
  const manifest = { metadata: { annotations }, spec: pod.spec };
  return JSON.stringify(redactObject(manifest)) !== JSON.stringify(manifest);
}

function redact(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((item, index) => redactItem(item, value[index - 1]));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      key === 'annotations' && isSecretAnnotation(name) ? mask : redact(inner, name),
    ]),
  );
}

function isSecretAnnotation(name: string): boolean {
  return name === lastApplied || looksSecret(name);
}

/** An item of a list: an environment variable, an argument that follows its flag, or anything else. */
function redactItem(item: unknown, previous: unknown): unknown {
  if (isVariable(item) && looksSecret(item.name) && !item.value.startsWith('$(')) {
    return { ...item, value: item.value === '' ? '' : mask };
  }
  if (typeof item === 'string' && isSecretFlag(previous) && !/^[-$]/.test(item)) return mask;
  return redact(item);
}

function isVariable(item: unknown): item is { name: string; value: string } {
  const { name, value } = (item ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof value === 'string';
}

function isSecretFlag(argument: unknown): boolean {
  return (
    typeof argument === 'string' &&
    /^--?[\w.-]+$/.test(argument) &&
    looksSecret(argument.replace(/^-+/, ''))
  );
}
