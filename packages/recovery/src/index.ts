/** Governed recovery, as `recover` and the console do it. */

export { auditActions, emptyChain, findChainFault } from "./audit/chain.ts";
export { type CheckpointSigning, readCheckpoint, signCheckpoint } from "./audit/checkpoint.ts";
export { explainFault } from "./audit/explain-fault.ts";
export { openFileSink } from "./audit/file-sink.ts";
export { openSinks } from "./audit/open-sink.ts";
export { newestRows, readAudit } from "./audit/read-audit.ts";
export { type CheckpointSink, readCheckpoints, type StoredCheckpoint } from "./audit/sink.ts";
export { type AuditFault, faultKinds, type Verified, verifyAudit } from "./audit/verify.ts";
export { createWitness, type Witness } from "./audit/witness.ts";
export { exit, type ExitCode, RecoverError } from "./exit.ts";
export { foresee } from "./foresee.ts";
export { canonicalGrant, challengeOf, digestOf } from "./grants/canonical-grant.ts";
export { describeCourse } from "./grants/describe-course.ts";
export { countValues, type TokenizerFor } from "./grants/count-values.ts";
export { describeDigest, describeGrant } from "./grants/describe-grant.ts";
export { describeHistory } from "./grants/describe-history.ts";
export { tokensOf } from "./grants/find-excess.ts";
export { describeJudged, type Judged, judgeSubject, judgeValue } from "./grants/judge-grant.ts";
export { nameSubject, type SubjectSelector, withTags } from "./grants/name-subject.ts";
export {
  maskedFields,
  requestAccess,
  requireOpenableFields,
  requireTokenFields,
} from "./grants/request-access.ts";
export {
  chooseRecords,
  showGrant,
  showUsable,
  showVerified,
  type SignedGrant,
} from "./grants/show-verified.ts";
export { commitTo, isNamedIn, namesSubject, plainSubject } from "./grants/subject-commitment.ts";
export { findForgery, isSigned, requiredFor, stateOf } from "./grants/verify-grant.ts";
export { type ClaimPorts, endCovered, makeClaim } from "./open/claim.ts";
export { type ClaimCounts, createClaimCounts } from "./open/count-claims.ts";
export { isOfSubject, type Originals, type TokenSource, tokenSourcesOf } from "./open/compare.ts";
export { compileDossier, type DossierJson } from "./open/dossier.ts";
export { lookup } from "./open/lookup.ts";
export {
  nullIfMasking,
  onlyClaimed,
  openBatchKey,
  openRecords,
  requireOpenable,
} from "./open/open-records.ts";
export { endOf, type ResultRow, type ResultSink, unmask, type UnmaskOrder } from "./open/unmask.ts";
export { exposuresOfRecoverKeyring, openContract, parserOf, tokenizerOf } from "./open-contract.ts";
export { jsonText } from "./json-text.ts";
export { hasDuty, identify, type Operator, type Person, requireDuty } from "./operator.ts";
export { printable, printableJson, printableLines } from "./printable.ts";
export { granted, refusal, refusalCodes } from "./refusals.ts";
export type { Reveal } from "./reveal.ts";
export { recoverySettings } from "./settings.ts";
export {
  type Assertion,
  type PasskeyJson,
  passkeyEntry,
  passkeyJson,
  readPasskey,
  passkeySignature,
} from "./signing/passkey.ts";
export {
  approvalsFor,
  deploymentForm,
  duties,
  type Duty,
  findSigner,
  isUrl,
  type KeyJson,
  loadRecoverKeyring,
  type Member,
  type OperatorJson,
  readRecoverKeyring,
  type RecoverKeyring,
  type RecoverKeyringJson,
  type Signer,
  verifiedBy,
  type Subject,
} from "./signing/recover-keyring.ts";
export { checkErasure } from "./work/check-erasure.ts";
export {
  describeErased,
  erase,
  type EraseCounts,
  type Erased,
  type EraseOrder,
} from "./work/erase.ts";
export { describePlaces } from "./work/erasure-places.ts";
export {
  countArrived,
  describeArrived,
  openWork,
  termOf,
  type WorkPorts,
} from "./work/open-work.ts";
export { describeRetried, retry, type RetryPorts } from "./work/retry.ts";
export { loadSigningKey, type SigningKey, writeSigningKey } from "./signing/signing-key.ts";
export { rawPublicKey, readPublicKey } from "./signing/public-key.ts";
