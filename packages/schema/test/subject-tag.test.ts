import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { expect, test } from "vitest";

import {
  bigint,
  createParser,
  createSubjectTag,
  defineContract,
  login,
  masked,
  subject,
  tagField,
  tagFields,
  text,
} from "../src/index.ts";

const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
const fields = { ...login.tokenFields, ...tagFields(login) };
const tokenizer = createTokenizer<string>(keyring, { tenant: "t", fields });
const tag = createSubjectTag(login, tokenizer);
const user = "424cdd21-063a-43a7-b91b-7ca1a833afae";
const expected = tokenizer.tokenize(tagField, user);

test.each([
  ["a field is missing", { user_id: user }],
  ["another is malformed", { user_id: user, ip: "300.1.1.1", device_type: 7 }],
  ["it is nested", { user: { id: user }, ip: "1.2.3.4" }],
  ["two paths lead to another name", { user_id: user, device: { type: "a" }, device_type: "b" }],
])("says whose it is where %s", (_, body) => {
  const given = JSON.stringify(body);
  expect(createParser(login)(given).kind).toBe("rejection");
  expect(tag(given)).toBe(expected);
  expect(tag(`\ufeff${given}`)).toBe(expected);
});

test.each([
  ["it is no document", `{"user_id":"${user}"`],
  ["it says it twice", `{"user_id":"${user}","user":{"id":"${user}x"}}`],
  ["it says it under one key twice", `{"user_id":"a","user_id":"${user}"}`],
  ["the subject is none", '{"user_id":null,"ip":"1.2.3.4"}'],
  ["the subject is empty", '{"user_id":"","ip":"1.2.3.4"}'],
  ["the subject is no text", '{"user_id":["a"],"ip":"1.2.3.4"}'],
  ["the subject is too long", `{"user_id":"${"x".repeat(129)}"}`],
  ["there is none", '{"name":"x"}'],
  ["the body is elsewhere", '["com.amazon.sqs",{"s3BucketName":"b","s3Key":"k"}]'],
])("says nothing where %s", (_, body) => expect(tag(body)).toBeNull());

test("says nothing of a body that lies in S3 by its attributes", () => {
  expect(tag(JSON.stringify({ user_id: user }), ["ExtendedPayloadSize"])).toBeNull();
});

test("opens the envelopes that the parser opens, and no other", () => {
  const envelope = JSON.stringify({
    Type: "Notification",
    TopicArn: "arn:aws:sns:eu:1:logins",
    Message: JSON.stringify({ user_id: user }),
  });
  expect(tag(envelope)).toBeNull();
  const unwrap = { snsTopicArns: ["arn:aws:sns:eu:1:logins"], eventBridgeSources: [] };
  expect(createSubjectTag(login, tokenizer, { unwrap })(envelope)).toBe(expected);
});

test("is no token of a row, also where the subject is masked", () => {
  const contact = defineContract({
    table: "contacts",
    fields: { address: subject(masked("email/1")), name: text({ max: 9 }) },
  });
  const both = createTokenizer<string>(keyring, {
    tenant: "t",
    fields: { ...contact.tokenFields, ...tagFields(contact) },
  });
  const of = createSubjectTag(contact, both);
  // As the norm has it, so that whoever erases may write it as they like.
  expect(of('{"address":"A@Example.org"}')).toBe(both.tokenize(tagField, "a@example.org"));
  expect(of('{"address":"A@Example.org"}')).not.toBe(both.tokenize("address", "a@example.org"));
  expect(of('{"address":"nobody"}')).toBeNull();
});

test("takes a number as the row has it, whatever its digits", () => {
  const visit = defineContract({
    table: "visits",
    fields: { visitor: subject(bigint()), page: masked("exact/1", { max: 9 }) },
  });
  const both = createTokenizer<string>(keyring, {
    tenant: "t",
    fields: { ...visit.tokenFields, ...tagFields(visit) },
  });
  const of = createSubjectTag(visit, both);
  expect(of('{"visitor":9223372036854775807}')).toBe(
    both.tokenize(tagField, "9223372036854775807"),
  );
});
