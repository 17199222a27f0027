import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';

const everyMs = 1_000;

/**
 * Heartbeats for every activity that has a heartbeat time-out, so that the activity of a worker
 * that was killed is taken up again within seconds. An activity's own details are repeated, never
 * overwritten, and those of its last attempt stay until it sets new ones.
 */
export function heartbeatInterceptor(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        if (!context.info.heartbeatTimeoutMs) return next(input);
        const send = context.heartbeat;
        let details: unknown = context.info.heartbeatDetails;
        Object.assign(context, {
          heartbeat(own?: unknown) {
            details = own;
            send(own);
          },
        });
        const timer = setInterval(() => send(details), everyMs);
        try {
          return await next(input);
        } finally {
          clearInterval(timer);
        }
      },
    },
  };
}
