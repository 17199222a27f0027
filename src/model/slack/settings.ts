import type { Target } from '../target';

/** A person in Slack, as the configuration knows them. */
export interface SlackUser {
  /** E-mail or name; what stands in the record of an approval. */
  name: string;
  roles: string[];
}

/** Who is told where, and who may approve what. No secrets: these are read apart. */
export interface SlackSettings {
  /** Id of the channel. */
  channel: string;
  /** By Slack's user id. */
  users: Record<string, SlackUser>;
  /** Namespaces in which a role may approve; `*` is all, and what has no namespace. */
  approvers: Record<string, string[]>;
  /** When a waiting approval is reminded of, in milliseconds; absent: at half of its time. */
  remindAfterMs?: number;
}

/** Whether approvals can be given in Slack at all: nobody may unless a role is named. */
export function approvesInSlack({ approvers }: Pick<SlackSettings, 'approvers'>): boolean {
  return Object.keys(approvers).length > 0;
}

/** Whether a person may approve or deny what is to be done to a target. */
export function mayApprove(settings: SlackSettings, userId: string, target: Target): boolean {
  const roles = Object.hasOwn(settings.users, userId) ? settings.users[userId]!.roles : [];
  return roles.some((role) => {
    const namespaces = Object.hasOwn(settings.approvers, role) ? settings.approvers[role]! : [];
    return (
      namespaces.includes('*') || (target.namespace ? namespaces.includes(target.namespace) : false)
    );
  });
}

/** Slack's ids of those who may approve what is to be done to a target. */
export function approversOf(settings: SlackSettings, target: Target): string[] {
  return Object.keys(settings.users).filter((id) => mayApprove(settings, id, target));
}
