import { defineSearchAttributeKey } from '@temporalio/common';

/** Search attributes of procedures, all Keyword; workflows set them, clients register and ask for them. */
export const searchAttributes = {
  family: defineSearchAttributeKey('HomeostatFamily', 'KEYWORD'),
  cluster: defineSearchAttributeKey('HomeostatCluster', 'KEYWORD'),
  target: defineSearchAttributeKey('HomeostatTarget', 'KEYWORD'),
  symptom: defineSearchAttributeKey('HomeostatSymptom', 'KEYWORD'),
  phase: defineSearchAttributeKey('HomeostatPhase', 'KEYWORD'),
  outcome: defineSearchAttributeKey('HomeostatOutcome', 'KEYWORD'),
};
