const core = require("@org/masking");
const keyring = require("@org/masking/keyring");
const seal = require("@org/masking/seal");
const unseal = require("@org/masking/unseal");

void import("./smoke.mjs").then(({ smoke }) => smoke({ core, keyring, seal, unseal }));
