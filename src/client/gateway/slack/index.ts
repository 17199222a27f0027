import { slackSettings } from '../../../model/config';
import { approvesInSlack } from '../../../model/slack/settings';
import { readSecret, secretVariable } from '../../../service/secrets';
import type { RouteGroup } from '../context';
import { addSlackHook } from './hook';

/** The buttons of approvals, where somebody may approve in Slack; the signature authenticates. */
export const slackHook: RouteGroup = {
  access: 'own',
  add(app, { session, metrics, log }) {
    const settings = slackSettings(session.config);
    if (!settings || !approvesInSlack(settings)) return;
    const { signingSecretFile: file } = session.config.slack;
    addSlackHook(app, {
      session,
      settings,
      signingSecret: readSecret(secretVariable.slackSigningSecret, {
        key: 'slack.signingSecretFile',
        file,
      }),
      count: (result) => metrics.slack.inc({ result }),
      log,
    });
  },
};
