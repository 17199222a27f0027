import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import YAML from 'yaml';
import { z } from 'zod';
import {
  type Config,
  type ConfigInput,
  type ConfigProblem,
  checkConfig,
  configSchema,
  shapeOf,
} from '../model/config';
import { badInput, messageOf } from '../model/errors';
import { redactText } from '../model/redact';
import { secretVariable } from '../service/secrets';
import { platformPaths } from './platform/paths';

/** Where to look for the configuration, from the command line. */
export interface ConfigSource {
  /** `--config`. */
  file?: string;
  /** `--name`: the local platform whose configuration is wanted. */
  platform?: string;
  /** Values that go before the file and the environment, from flags. */
  overrides?: ConfigInput;
  env?: NodeJS.ProcessEnv;
}

/** A configuration, and the file that it came from. */
export interface LoadedConfig {
  config: Config & { artifacts: { directory: string } };
  file?: string;
}

type Document = Record<string, unknown>;

/**
 * Reads `homeostat.yaml`, the environment's overrides and the flags, in this order.
 * @throws HomeostatError `bad-input` that names the file, the key, the value and the mend.
 */
export function loadConfig(source: ConfigSource = {}): LoadedConfig {
  const env = source.env ?? process.env;
  const file = findConfig(source, env);
  const written = file ? readDocument(file) : {};
  const overridden = environmentOf(env);
  const document = [overridden, (source.overrides ?? {}) as Document].reduce(merge, written);
  const { config, problems } = checkConfig(document);
  if (!config) throw refuse(problems, file, overridden);
  const directory = config.artifacts.directory ?? defaultArtifacts(env);
  const artifacts = { ...config.artifacts, directory: path.resolve(directory) };
  return { config: { ...config, artifacts }, file };
}

function findConfig(source: ConfigSource, env: NodeJS.ProcessEnv): string | undefined {
  const named = source.file ?? env.HOMEOSTAT_CONFIG;
  if (named) return path.resolve(named);
  const platform = source.platform ?? env.HOMEOSTAT_NAME;
  const candidates = [
    ...(platform ? [] : [path.resolve('homeostat.yaml')]),
    path.join(platformPaths(platform ?? 'default').state, 'homeostat.yaml'),
  ];
  return candidates.find((candidate) => fs.existsSync(candidate));
}

function readDocument(file: string): Document {
  const document = parseYaml(file, readText(file)) ?? {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw badInput(
      `${file}: ${JSON.stringify(document)}`,
      'write sections such as "cluster:" and "healing:"',
    );
  }
  return document as Document;
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw badInput(`configuration ${file}`, `make it a readable file (${messageOf(error)})`);
  }
}

function parseYaml(file: string, text: string): unknown {
  try {
    return YAML.parse(text);
  } catch (error) {
    throw badInput(
      `configuration ${file}`,
      `write valid YAML (${messageOf(error).split('\n')[0]})`,
    );
  }
}

/** Overrides such as HOMEOSTAT_HEALING_SOAK=5s, as a document. */
function environmentOf(env: NodeJS.ProcessEnv): Document {
  const document: Document = {};
  for (const [section, sectionSchema] of Object.entries(shapeOf(configSchema))) {
    const shape = shapeOf(sectionSchema);
    refuseUnknownVariables(env, section, Object.keys(shape));
    const values = Object.entries(shape).flatMap(([key, schema]) => {
      const text = env[variableOf(section, key)];
      return text === undefined ? [] : [[key, valueOf(text, schema)]];
    });
    if (values.length > 0) document[section] = Object.fromEntries(values);
  }
  return document;
}

/** `HOMEOSTAT_WORKER_MAX_CACHED_WORKFLOWS` for worker.maxCachedWorkflows. */
export function variableOf(section: string, key: string): string {
  const snake = `${section}_${key}`.replaceAll(/([a-z])([A-Z])/g, '$1_$2');
  return `HOMEOSTAT_${snake.toUpperCase()}`;
}

/** What Kubernetes itself puts into pods for a Service that is called, say, homeostat-worker. */
const serviceLink = /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)$/;

/** Secrets, which are read from the environment or from files of their own, never from the configuration. */
const secretVariables: readonly string[] = Object.values(secretVariable);

function refuseUnknownVariables(env: NodeJS.ProcessEnv, section: string, keys: string[]): void {
  const known = keys.map((key) => variableOf(section, key));
  const prefix = `HOMEOSTAT_${section.toUpperCase()}_`;
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(prefix) || known.includes(name) || serviceLink.test(name)) continue;
    if (secretVariables.includes(name)) continue;
    throw badInput(
      `environment ${redactText(`${name}=${value}`)}`,
      `unknown key; known here are ${known.join(', ')}`,
    );
  }
}

function valueOf(text: string, schema: z.core.$ZodType): unknown {
  const inner =
    schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  if (inner instanceof z.ZodObject) return YAML.parse(text);
  if (inner instanceof z.ZodArray && inner.element instanceof z.ZodObject) return inFlow(text);
  if (inner instanceof z.ZodArray)
    return text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
  if (Object.keys(shapeOf(schema)).length > 0) return parseYaml('environment', text);
  if (inner instanceof z.ZodNumber && text.trim() !== '') return Number(text);
  return text;
}

/** Lists of objects are written as in YAML's flow style, or JSON. */
function inFlow(text: string): unknown {
  try {
    return YAML.parse(text);
  } catch {
    return text;
  }
}

/** Sections merge key by key; what is no section is left for the schema to refuse. */
function merge(below: Document, above: Document): Document {
  const merged: Document = { ...below };
  for (const [section, values] of Object.entries(above)) {
    const written = below[section] ?? {};
    if (typeof written === 'object') merged[section] = { ...written, ...(values as Document) };
  }
  return merged;
}

function refuse(problems: ConfigProblem[], file: string | undefined, environment: Document): Error {
  const [problem, ...others] = problems as [ConfigProblem, ...ConfigProblem[]];
  const more = others.length > 0 ? ` (and ${others.map((other) => other.path).join(', ')})` : '';
  const where = `${originOf(problem.path, file, environment)} = ${JSON.stringify(problem.value) ?? 'missing'}`;
  return badInput(where, `${problem.mend}${more}`);
}

function originOf(key: string, file: string | undefined, environment: Document): string {
  const [section, name] = key.split('.') as [string, string?];
  const fromEnvironment =
    name && (environment[section] as Document | undefined)?.[name] !== undefined;
  if (fromEnvironment) return `environment ${variableOf(section, name)}`;
  return `${file ?? 'configuration'}: ${key}`;
}

function defaultArtifacts(env: NodeJS.ProcessEnv): string {
  const data = env.XDG_DATA_HOME ?? path.join(os.homedir(), '.local', 'share');
  return path.join(data, 'homeostat', 'artifacts');
}
