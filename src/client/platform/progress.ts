import { formatDuration } from '../../model/duration';

/** Told what is being done: the step, and how far it is where that is known. */
export type Progress = (step: string, done?: number, total?: number) => void;

/** Shows progress on stderr: one living line on a terminal, else a line a step and one every 15 s. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): {
  progress: Progress;
  /** Ends the display; says how long all took when it went well. */
  finish: (well: boolean) => void;
} {
  const begun = Date.now();
  let step = '';
  let line = '';
  let stepBegun = begun;
  let printedAt = 0;
  const elapsed = () => formatDuration(Date.now() - stepBegun);
  const render = () => `homeostat: ${line} (${elapsed()})`;
  const draw = () => {
    if (stream.isTTY) stream.write(`\r\u001b[K${render().slice(0, (stream.columns ?? 80) - 1)}`);
    else if (Date.now() - printedAt >= 15_000) {
      printedAt = Date.now();
      stream.write(`${render()}\n`);
    }
  };
  const close = () => {
    if (!step) return;
    if (stream.isTTY) stream.write(`\r\u001b[Khomeostat: ${step}: ${elapsed()}\n`);
  };
  const timer = setInterval(() => step && draw(), 500);
  timer.unref();
  return {
    progress(next, done, total) {
      line = total ? `${next}: ${done} of ${total}` : next;
      if (next === step) return;
      close();
      step = next;
      stepBegun = Date.now();
      printedAt = Date.now();
      if (stream.isTTY) draw();
      else stream.write(`homeostat: ${line}\n`);
    },
    finish(well) {
      clearInterval(timer);
      if (well) close();
      step = '';
      if (well) stream.write(`homeostat: done in ${formatDuration(Date.now() - begun)}\n`);
    },
  };
}
