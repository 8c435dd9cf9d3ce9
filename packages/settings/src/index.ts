/** Settings of a program: read from the environment, every fault at once. */

export {
  type Exposure,
  exposureNames,
  exposuresOfConsole,
  exposuresOfContract,
  exposuresOfKeyFiles,
  exposuresOfProcess,
  exposuresOfServer,
  findIdleAllowances,
  isLoopback,
  isUnchecked,
  isWritableByOthers,
  judgeExposures,
  type Profile,
  type ProfileFinding,
  type ProfileName,
  profileOf,
  profileSettings,
  type ServerTrust,
} from "./production.ts";
export {
  choose,
  faultLines,
  readSettings,
  type Reading,
  type SettingFault,
  type Settings,
  unknownNames,
  type ValuesOf,
} from "./read-settings.ts";
export { postgresUrl, urlsOfServers } from "./postgres-url.ts";
export {
  bareUrl,
  boolean,
  httpOrigin,
  httpUrl,
  list,
  listOf,
  oneOf,
  path,
  text,
  wholeNumber,
} from "./readers.ts";
export {
  type Environment,
  optional,
  type Reader,
  required,
  type Setting,
  whereKnown,
  withDefault,
} from "./setting.ts";
