import * as core from "@org/masking";
import * as keyring from "@org/masking/keyring";
import * as seal from "@org/masking/seal";
import * as unseal from "@org/masking/unseal";
import { smoke } from "./smoke.mjs";

await smoke({ core, keyring, seal, unseal });
