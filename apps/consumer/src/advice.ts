/** What to do about a call that failed while starting, by its cause. */

const login =
  "check the user and the password in DATABASE_URL; where passwords are changed while consumers run, name in DATABASE_PASSWORD_FROM where they are read";
const tls =
  "append ?sslmode=verify-full to DATABASE_URL, and &sslrootcert=/path/of/ca.pem where the server's authority is not one that Node knows; a certificate that has expired has to be renewed at the server";
const network =
  "check host and port in DATABASE_URL, and that firewalls and network policies let this machine reach them";

export const adviceByReason: Readonly<Record<string, string>> = {
  AccessDenied: "allow sqs:GetQueueAttributes on the queue, in the policy of the consumer's role",
  QueueDoesNotExist: "check SQS_QUEUE_URL, its region and its account",
  SignatureDoesNotMatch: "check AWS_REGION and the secret key of the credentials",
  credentials_unavailable:
    "give this process credentials that the AWS SDK finds: a role, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  endpoint_invalid: "correct or unset AWS_ENDPOINT_URL_SQS",
  connect_timeout: `nobody answers: ${network}`,
  connection_lost: `the connection ended: ${network}`,
  connection_refused: `nobody listens there: ${network}`,
  database_missing: "check the database's name in DATABASE_URL",
  host_unknown: "check the host's name in DATABASE_URL, and this machine's DNS",
  login_refused: login,
  password_unreadable:
    "check DATABASE_PASSWORD_FROM: the file has to be readable for this user, the command to end within ten seconds with the password on its output",
  pooler_refuses_parameter:
    "take options and other parameters of a session out of DATABASE_URL: a pooler knows few of them",
  pooler_without_prepared_statements:
    "PgBouncer: set max_prepared_statements above zero, or pool_mode to session",
  query_timeout:
    "the server took the connection and does not answer in time: check its load, its locks and a synchronous standby that may be away",
  read_only:
    "connect to the primary: this server is a standby, or is set to read only; DATABASE_URL takes several hosts, and the one that takes writes is connected to",
  right_missing: "give the login the role maskline_writer; `pnpm migrate` makes the role",
  schema_differs: "`pnpm migrate` brings the schema up to date",
  tls_unsupported: "the server has no TLS: set it up there, or take sslmode out of DATABASE_URL",
  tls_untrusted: tls,
  weak_password:
    "set password_encryption = scram-sha-256 on the server and set the login's password again, or append ?sslmode=verify-full to DATABASE_URL; weak_password in MASKLINE_ALLOW gives the password all the same",
  too_many_connections:
    "raise max_connections or the login's limit, or lower MASKLINE_WRITERS or MASKLINE_WORKERS",
};

export function adviceFor(reason: string, otherwise: string): string {
  return Object.hasOwn(adviceByReason, reason) ? (adviceByReason[reason] ?? otherwise) : otherwise;
}
