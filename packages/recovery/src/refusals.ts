/** What each refusal means, and what to do next. */

import { exit, RecoverError } from "./exit.ts";

const refusals: Record<string, readonly [meaning: string, advice: string]> = {
  no_such_grant: ["There is no such grant of yours.", "`recover list` shows your grants."],
  stands_twice: [
    "A record stands twice, under two dates: somebody wrote its id again.",
    "Nothing is opened of it. Tell the security team: the consumer's login can do that, and the consumer does not.",
  ],
  nothing_matches: ["No record matches.", "Check the ids, the token, the subject or the dates."],
  self_approval: [
    "A request is not approved by who made it.",
    "Ask another member of maskline_approver.",
  ],
  already_decided: ["You have decided about this grant before.", "Ask another approver."],
  grant_unresolved: [
    "The request was cut short before it was known which records it means.",
    "Make a new request.",
  ],
  grant_pending: [
    "The grant has not been approved by enough people.",
    "`recover list` shows who has decided; ask another approver.",
  ],
  approvals_missing: [
    "The recover keyring asks for more approvals than the grant has.",
    "Ask another approver: `recover approve` takes more until it is met.",
  ],
  grant_live: ["The grant is approved already.", "Nothing is left to do."],
  grant_denied: ["The grant was denied.", "Talk to who denied it, then make a new request."],
  grant_revoked: ["The grant was revoked.", "Make a new request."],
  other_retry_open: [
    "A retry of other messages under this grant was cut short.",
    "Finish it first, with the same --record as then.",
  ],
  grant_expired: ["The grant has expired.", "Make a new request."],
  grant_used_up: ["The grant does not cover that many records more.", "Make a new request."],
  wrong_person: [
    "The grant is not for whoever your signing key stands for.",
    "Use your own login and key: in the recover keyring the key stands under the login.",
  ],
  wrong_tenant: ["The grant is for another tenant.", "Set MASKLINE_TENANT to the grant's."],
  wrong_contract: [
    "The grant is for another contract.",
    "Name the grant's, with --contract or MASKLINE_CONTRACT; `recover list --grant ID` shows it.",
  ],
  no_such_contract: [
    "The database knows no such contract.",
    "`pnpm migrate` makes it known; MASKLINE_CONTRACT and --contract name it.",
  ],
  wrong_duty: [
    "The recover keyring does not give your login this duty.",
    "Duties are request, approve, witness and administer; they change under review.",
  ],
  wrong_capability: ["The grant is for something else.", "Make a request for this."],
  wrong_fields: ["The grant does not cover these fields.", "Name fewer fields, or make a request."],
  wrong_records: [
    "The grant does not cover these records.",
    "`recover list --grant ID` shows what it covers.",
  ],
  wrong_selector: [
    "This capability does not take records chosen in this way.",
    "`recover request --help` shows which go together.",
  ],
  malformed_selector: [
    "What chooses the records is not in the form that it takes.",
    "`recover request --help` shows the forms.",
  ],
  wrong_reveal: ["A body cannot be revealed in part.", "Leave out --reveal partial."],
  wrong_signer: [
    "Your signing key stands for another login than the database's.",
    "Use your own login and key: in the recover keyring the key stands under the login.",
  ],
  tags_missing: [
    "Messages in quarantine carry tags of their subjects, and the request names none.",
    "Set MASKLINE_KEYRING: with the token key the tool finds those of the subject.",
  ],
  wrong_value: [
    "The grant is for another value.",
    "Give the value that was approved, or make a request for this one.",
  ],
  wrong_subject: [
    "The subject is not the one that the request is for.",
    "Nothing was signed or opened. Ask who asked for it, and compare with the ticket.",
  ],
  not_all_of_subject: [
    "The request names no subject, and not all of its records are of this one.",
    "Nothing was signed. Ask for a request that names it: `recover request unmask --subject`.",
  ],
  nothing_to_compare: [
    "The request names nothing of this kind, and lists no records of it.",
    "Compare what the grant shows with the ticket.",
  ],
  too_many_comparisons: [
    "You have compared as often as the policy allows an hour.",
    "Wait: each answers a guess.",
  ],
  wrong_tokens: [
    "These are not the tokens of one value, one a token key.",
    "`recover request` makes them. An approver needs the keyring that they were made with.",
  ],
  no_such_capability: ["There is no such capability.", "See `recover request --help`."],
  not_your_role: [
    "Your login may not ask for this.",
    "unmask, lookup and dossier take maskline_requester; the others maskline_custodian.",
  ],
  expires_too_late: [
    "The time asked for is longer than the policy allows.",
    "Ask for less, with --minutes.",
  ],
  too_many_records: [
    "More records match than the policy, or --max-records, allows.",
    "Ask for fewer: by record id, or by a shorter time.",
  ],
  too_many_requests: [
    "You have asked as often as the policy allows an hour.",
    "Wait, or ask for more in one request.",
  ],
  too_many_claims: [
    "Work under this grant was begun as often as the policy allows an hour.",
    "Wait, or let the run that is under way come to its end.",
  ],
  too_many_refusals: [
    "You were refused as often as the audit writes down within an hour.",
    "Wait, and find out from `recover audit list` why.",
  ],
  too_fast: [
    "You have claimed as many records as the policy allows a minute.",
    "Wait a minute, or open a larger grant in parts: name some of its records with --record.",
  ],
  forged_approval: [
    "An approval does not bear the approver's signature over these terms.",
    "Nothing was opened. Tell the security team: somebody changed the grant, or the recover keyring is not the current one.",
  ],
};

/** Each that the audit can have: also what is no answer, because the person gave it. */
export const refusalCodes: readonly string[] = [...Object.keys(refusals), "confirmation_declined"];

const notFound = new Set(["no_such_grant", "nothing_matches"]);
const tampered = new Set(["stands_twice"]);

/** @param faults - What exactly, where the meaning leaves it open. */
export function refusal(code: string, faults: readonly string[] = []): RecoverError {
  const [meaning, advice] = refusals[code] ?? ["The database refused.", "See the audit."];
  const ends = [
    [notFound, exit.notFound],
    [tampered, exit.tampering],
  ] as const;
  const exitCode = ends.find(([codes]) => codes.has(code))?.[1] ?? exit.denied;
  return new RecoverError(exitCode, `${meaning} (${code})`, { advice, faults });
}

/** The answer, if it is none of these. */
export function granted<T extends object>(answer: T | { readonly refused: string }): T {
  if ("refused" in answer) throw refusal(answer.refused);
  return answer;
}
