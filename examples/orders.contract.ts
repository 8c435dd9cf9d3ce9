/** An order of a web shop. Its customer is known by an e-mail address, of which the row holds the token. */
import { defineContract, masked, numeric, optional, subject, text, timestamp } from "@org/schema";

export const orders = defineContract({
  table: "orders",
  fields: {
    order_id: text({ max: 32, example: "A-4711-08" }),
    amount: numeric({ precision: 12, scale: 2 }),
    currency: text({ max: 3, usual: /^[A-Z]{3}$/, example: ["EUR", "GBP", "USD"] }),
    card_last4: text({ max: 4, usual: /^\d{4}$/, example: "4242" }),
    email: subject(masked("email/1")),
    shipping: {
      name: masked("exact/1", { max: 128, example: ["Ada Byron", "Noa Lind", "Kim Oe"] }),
      phone: optional(masked("phone/1")),
    },
    placed_at: timestamp(),
  },
});
