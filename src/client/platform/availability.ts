import { readFileSync } from 'node:fs';
import { dockerAnswers } from './kind-cluster';
import { findProgram, missingPackages } from './packages';

/** What the kernel must let us do: networks, and mounts. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 };

/** Whether a cluster can be made on this machine, and if not, what is needed; tests skip with it. */
export function labAvailability(): { available: boolean; reason?: string } {
  const obstacle = nativeObstacle();
  if (!obstacle || dockerAnswers()) return { available: true };
  return { available: false, reason: `${obstacle}, and no Docker engine answers` };
}

/** Why a native cluster cannot be made here. */
export function nativeObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'a native cluster needs Linux';
  if (process.getuid?.() !== 0) return 'a native cluster needs root';
  const lacking = lackingCapabilities(readFileSync('/proc/self/status', 'utf8'));
  if (lacking.length > 0) return `a native cluster needs ${lacking.join(' and ')}`;
  const missing = missingPackages();
  if (missing.length > 0 && !findProgram('apt-get')) {
    return `a native cluster needs the packages ${missing.join(', ')}, and there is no apt`;
  }
  return undefined;
}

/** Capabilities that a process with this /proc status does not have. */
export function lackingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(capabilities)
    .filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => name);
}
