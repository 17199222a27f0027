import { redactText } from '../redact';

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * Text from elsewhere for Slack's mrkdwn: on one line, secrets masked, nothing of it taken for a mention
 * or link, and at most `longest` characters.
 */
export function plain(text: string, longest = 300): string {
  const line = redactText(text).replaceAll(/\s+/g, ' ').trim();
  return clip(
    line.replaceAll(/[&<>]/g, (character) => entities[character]!),
    longest,
  );
}

/** Cuts a text that is escaped already; neither an entity nor a character is cut in two. */
export function clip(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const cut = text.slice(0, longest - 1).replace(/&[a-z]{0,3}$/, '');
  return `${cut.replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** A time that Slack shows in the reader's own time zone. */
export function localTime(time: string): string {
  const seconds = Math.floor(Date.parse(time) / 1_000);
  return `<!date^${seconds}^{date_short_pretty} {time_secs}|${plain(time)}>`;
}

/** A link; the URL comes from configuration or is encoded. */
export function link(url: string, label: string): string {
  return `<${url.replaceAll(/[<>|]/g, encodeURIComponent)}|${plain(label)}>`;
}

const mostMentions = 10;

/** People by Slack's ids. */
export function mentions(ids: readonly string[]): string {
  const named = ids.slice(0, mostMentions).map((id) => `<@${id}>`);
  const more = ids.length > mostMentions ? [`and ${ids.length - mostMentions} more`] : [];
  return [...named, ...more].join(' ');
}
