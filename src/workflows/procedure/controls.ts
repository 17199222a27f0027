import type { UpdateDefinition } from '@temporalio/common';
import { type SignalDefinition, setHandler } from '@temporalio/workflow';
import { badInput, messageOf } from '../../model/errors';
import {
  type ApproveMessage,
  checkMessage,
  type DenyMessage,
  type MessageName,
  type ReasonedMessage,
} from '../../model/messages';
import type { Approval, Note, ProcedureRecord } from '../../model/procedure';
import * as messages from './messages';

const mostNotes = 100;

/** What people have asked of a procedure. */
export interface Controls {
  pausedBy?: string;
  abort?: ReasonedMessage;
}

/** Wires the messages for people to the record, and returns what they ask for. */
export function listen(record: ProcedureRecord, onAbort: () => void): Controls {
  const controls: Controls = {};
  const note = (by: string, text: string) => addNote(record, { by, text });

  handle('approve', messages.approveSignal, messages.approveUpdate, {
    check: (message: ApproveMessage) => checkApproval(record, message.digest),
    apply: (message) => {
      decide(record, { state: 'approved', by: message.by, comment: message.comment });
    },
  });
  handle('deny', messages.denySignal, messages.denyUpdate, {
    check: (message: DenyMessage) => checkApproval(record, message.digest),
    apply: ({ by, reason }) => decide(record, { state: 'denied', by, comment: reason }),
  });
  handle('abort', messages.abortSignal, messages.abortUpdate, {
    check: () => {
      if (controls.abort) throw badInput('abort', `${controls.abort.by} has aborted it already`);
    },
    apply: (message) => {
      controls.abort = message;
      note(message.by, `abort: ${message.reason}`);
      onAbort();
    },
  });
  handle('pause', messages.pauseSignal, messages.pauseUpdate, {
    apply: ({ by }) => {
      controls.pausedBy = by;
      note(by, 'pause: nothing is changed until it is resumed');
    },
  });
  handle('resume', messages.resumeSignal, messages.resumeUpdate, {
    check: () => {
      if (!controls.pausedBy) throw badInput('resume', 'the procedure is not paused');
    },
    apply: ({ by }) => {
      controls.pausedBy = undefined;
      note(by, 'resume');
    },
  });
  handle('note', messages.noteSignal, messages.noteUpdate, {
    apply: ({ by, text }) => note(by, text),
  });
  return controls;

  function handle<M>(
    name: MessageName,
    signal: SignalDefinition<[M]>,
    update: UpdateDefinition<void, [M]>,
    { check, apply }: { check?: (message: M) => void; apply: (message: M) => void },
  ): void {
    const validate = (message: M) => {
      checkMessage(name, message);
      check?.(message);
    };
    setHandler(update, apply, { validator: validate });
    // A signal has no answer, so what is wrong with it stands in the record.
    setHandler(signal, (message) => {
      try {
        validate(message);
      } catch (error) {
        addNote(record, { by: 'homeostat', text: `ignored signal ${messageOf(error)}` });
        return;
      }
      apply(message);
    });
  }
}

/** The approval that is waited for, if any. */
export function waitingApproval(record: ProcedureRecord): Approval | undefined {
  return record.approvals.find(({ state }) => state === 'waiting');
}

/** Adds a note; the oldest give way, so that a record stays bounded. */
export function addNote(record: ProcedureRecord, note: Omit<Note, 'at'>): void {
  record.notes.push({ at: new Date().toISOString(), ...note });
  if (record.notes.length > mostNotes) record.notes.shift();
}

function checkApproval(record: ProcedureRecord, digest?: string): void {
  const approval = waitingApproval(record);
  if (!approval) throw badInput('approval', 'nothing is waiting for one');
  if (digest && digest !== approval.digest) {
    throw badInput(
      `digest "${digest}"`,
      `the plan that is waiting has the digest ${approval.digest}`,
    );
  }
}

function decide(
  record: ProcedureRecord,
  decision: Pick<Approval, 'state' | 'by' | 'comment'>,
): void {
  const approval = waitingApproval(record);
  if (approval) Object.assign(approval, decision, { at: new Date().toISOString() });
}
