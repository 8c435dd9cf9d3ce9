/** Loaded into a consumer before its own code: its calendar is wrong by CHAOS_CLOCK_OFFSET_MS, its timers are not. */
const offsetMs = Number(process.env["CHAOS_CLOCK_OFFSET_MS"]);
const RealDate = globalThis.Date;

class ShiftedDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    const parts = given.length === 0 ? [RealDate.now() + offsetMs] : given;
    super(...(parts as [number]));
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
