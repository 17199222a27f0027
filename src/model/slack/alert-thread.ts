import { type AlertAnnouncement, topicKey } from '../notifier';
import { localTime, plain } from './text';
import { context, message, type NewsItem, section, type Thread } from './thread';

/** What people should find in the thread of an alert that no runbook answers. */
export function alertThread(alert: AlertAnnouncement): Thread {
  const over = alert.state === 'resolved';
  const title = `alert ${plain(alert.name, 200)}`;
  const state = over ? 'resolved' : 'fires, and no runbook answers it';
  const icon = over ? ':white_check_mark:' : ':rotating_light:';
  return {
    key: topicKey(alert),
    since: alert.startsAt,
    root: message(`${title}: ${state}`, [
      section(`${icon} *${title}*\n${state}`),
      alert.summary ? section(plain(alert.summary, 1_000)) : undefined,
      section(
        `*Labels:* ${plain(alert.labels || 'none', 600)}\n*Why nothing is done:* ${plain(alert.why)}`,
      ),
      context(`since ${localTime(alert.startsAt)}`),
    ]),
    news: over ? [resolved(alert)] : [],
    over,
  };
}

const resolved = ({ startsAt }: AlertAnnouncement): NewsItem => ({
  key: 'resolved',
  at: startsAt,
  text: ':white_check_mark: resolved',
});
