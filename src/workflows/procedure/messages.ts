import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  ApproveMessage,
  ByMessage,
  DenyMessage,
  NoteMessage,
  ReasonedMessage,
} from '../../model/messages';
import type { Gate, ProcedureRecord } from '../../model/procedure';

/** Messages for people and scripts: as signals, and as updates of the same name for those who want the answer. */
export const approveSignal = defineSignal<[ApproveMessage]>('approve');
export const denySignal = defineSignal<[DenyMessage]>('deny');
export const abortSignal = defineSignal<[ReasonedMessage]>('abort');
export const pauseSignal = defineSignal<[ByMessage]>('pause');
export const resumeSignal = defineSignal<[ByMessage]>('resume');
export const noteSignal = defineSignal<[NoteMessage]>('note');

export const approveUpdate = defineUpdate<void, [ApproveMessage]>('approve');
export const denyUpdate = defineUpdate<void, [DenyMessage]>('deny');
export const abortUpdate = defineUpdate<void, [ReasonedMessage]>('abort');
export const pauseUpdate = defineUpdate<void, [ByMessage]>('pause');
export const resumeUpdate = defineUpdate<void, [ByMessage]>('resume');
export const noteUpdate = defineUpdate<void, [NoteMessage]>('note');

/** The governor's answers to a request for a lease. */
export const grantedSignal = defineSignal<[{ until: string }]>('granted');
export const refusedSignal = defineSignal<[Gate]>('refused');

/** The procedure's whole record. */
export const ledgerQuery = defineQuery<ProcedureRecord>('ledger');
