import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

const root = '/sys/fs/cgroup';

/** Where hierarchies of a kind are mounted: the one of cgroup v2, or those of v1's controllers. */
function hierarchies(kinds: RegExp): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => kinds.test(line))
    .map((line) => line.split(' ')[4] ?? '')
    .filter(Boolean);
}

/** Makes a cgroup in every hierarchy; the kubelet makes its own below it, but not this one. */
export function makeCgroups(name: string): void {
  const unified = existsSync(path.join(root, 'cgroup.controllers'));
  for (const hierarchy of hierarchies(unified ? / - cgroup2 / : / - cgroup /)) {
    const group = path.join(hierarchy, name);
    mkdirSync(group, { recursive: true });
    if (unified) {
      const controllers = '+cpu +cpuset +io +memory +pids';
      for (const parent of [hierarchy, group]) {
        writeFileSync(path.join(parent, 'cgroup.subtree_control'), controllers);
      }
    } else {
      // A new v1 cpuset is empty, and nothing can run in it.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        const source = path.join(hierarchy, file);
        if (existsSync(source)) writeFileSync(path.join(group, file), readFileSync(source));
      }
    }
  }
}

/** The top cgroups whose names `matches`, in all hierarchies: runc makes its own in v2's as well. */
export function findCgroups(matches: (name: string) => boolean): string[] {
  return hierarchies(/ - cgroup2? /).flatMap((hierarchy) =>
    readdirSync(hierarchy, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && matches(entry.name))
      .map((entry) => path.join(hierarchy, entry.name)),
  );
}

/** Ids of the processes in a cgroup and all below it. */
export function processesIn(group: string): number[] {
  return foldersOf(group).flatMap((folder) => {
    try {
      return readFileSync(path.join(folder, 'cgroup.procs'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(Number);
    } catch {
      return [];
    }
  });
}

/** Removes a cgroup and all below it, deepest first; those still in use stay. */
export function removeCgroups(group: string): void {
  for (const folder of foldersOf(group).reverse()) {
    try {
      rmdirSync(folder);
    } catch {
      // Still in use, or gone already.
    }
  }
}

/** The folder and all below it, parents first. */
function foldersOf(folder: string): string[] {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    return [folder, ...below.flatMap((entry) => foldersOf(path.join(folder, entry.name)))];
  } catch {
    return [];
  }
}
