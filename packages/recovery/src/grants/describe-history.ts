/** What a requester has opened lately, and what is unusual about a request, as people read it. */

import type { RequesterHistory, Unusual } from "@org/db";
import { printable } from "../printable.ts";

const warnings: Readonly<Record<Unusual, string>> = {
  never_used: "they have never done this with this contract before",
  new_field: "they have never opened one of these fields before",
  most_records: "it is for more records than any grant that they have used",
  busiest_day: "they ask more often today than on any of the 30 days before",
  unusual_hour: "they have never asked within an hour of this time of day before",
  ticket_of_others: "they named the same ticket for others before",
  denied_before: "they asked for the same before, and it was denied or revoked",
  reads_rows: "their login reads the table too: whoever opens should not be who analyses",
};

export function describeHistory({ days, ...history }: RequesterHistory): string[] {
  const { grants, records, opened, unusual } = history;
  const lines = [
    `${`In ${days} days`.padEnd(13)}${grants} grant(s) used, ${records} record(s)`,
    ...opened.map((one) => {
      const what = [one.capability, one.contract, one.field ?? ""].join(" ").trimEnd();
      return `             ${what}: ${one.grants} grant(s), ${one.records} record(s)`;
    }),
    ...unusual.map((code) => `Unusual      ${warnings[code]} (${code})`),
  ];
  return lines.map(printable);
}
