import type { Runbook } from '../runbook';

/** Seen by correlation: pulls of one host fail in several namespaces. Only a person can mend a registry. */
export const registryUnreachable: Runbook = {
  symptom: 'registry-unreachable',
  title: 'A registry that gives no images',
  detect: {},
  alerts: [],
  ladder: [],
  healed: 'images-pulled',
};
