import { upsertMemo, workflowInfo } from '@temporalio/workflow';
import { episodesIn, rememberEpisodes } from '../../model/alerts';

/**
 * Keeps episodes of alerts in the memo, where whoever is told of one again finds it, also after the
 * healing has ended. Answers whether any of them is new: alerts are delivered more than once.
 */
export function remember(episodes: readonly string[]): boolean {
  const known = episodesIn(workflowInfo().memo);
  if (episodes.every((episode) => known.includes(episode))) return false;
  upsertMemo({ alerts: rememberEpisodes(known, episodes) });
  return true;
}
