import type { V1Pod } from '@kubernetes/client-node';

const mask = '***';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

const secretPart =
  /passw|passphrase|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key/i;
const secretWords = new Set(['pass', 'pwd', 'key', 'keys', 'cred', 'creds', 'dsn']);
/** Such a name tells where a secret lies, not what it is. */
const pointsElsewhere = /[-_.](file|path|dir|name|ref)$/i;

/** Texts that are credentials by their form; `$1` tells the reader what was there. */
const credentials: readonly [RegExp, string][] = [
  [/-----BEGIN ([A-Z ]+)-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g, `${mask} ($1)`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${mask}@`],
  [/\b((?:bearer|basic)\s+)[\w.~+/-]{8,}=*/gi, `$1${mask}`],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, mask],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, mask],
  [/\b(?:gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,})/g, mask],
];

/** `password=…`, `"token": "…"`; a reference such as `$TOKEN` or `$(TOKEN)` is no secret. */
const assignment = /([\w.-]+)(["']?\s*[=:]\s*["']?)(?!["'$])([^\s"',;&]+)/g;

/** Whether a variable, flag or annotation of this name is likely to hold a secret. */
export function looksSecret(name: string): boolean {
  if (pointsElsewhere.test(name)) return false;
  if (secretPart.test(name)) return true;
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return words.split(/[^a-z0-9]+/).some((word) => secretWords.has(word));
}

/** A text, such as a log, with everything masked that looks like a credential. */
export function redactText(text: string): string {
  const known = credentials.reduce(
    (masked, [pattern, replacement]) => masked.replace(pattern, replacement),
    text,
  );
  return known.replace(assignment, (whole, name: string, between: string) =>
    looksSecret(name) ? `${name}${between}${mask}` : whole,
  );
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
