// Detectors of
//
// The detectors that a guard asks for, in order of their weight: where two find something at the same place, and as
// much of it, the first one names it.

import type { Detector } from './detector.ts'
import { type DetectedKind, type GuardSide, type GuardSpec, kindsOf } from './guard.ts'
import { injectionDetector } from './injection-detector.ts'
import {
  cardDetector,
  emailDetector,
  ibanDetector,
  phoneDetector,
  ssnDetector,
} from './personal-data.ts'
import { phraseDetector } from './phrase-detector.ts'
import { chanceDetector, privateKeyDetector, tokenDetector } from './secret-detectors.ts'

const byKind: Readonly<Record<DetectedKind, readonly Detector[]>> = {
  secret: [privateKeyDetector, tokenDetector, chanceDetector],
  card: [cardDetector],
  iban: [ibanDetector],
  ssn: [ssnDetector],
  phone: [phoneDetector],
  email: [emailDetector],
  injection: [injectionDetector],
  file: [], // is in no text: `inspectRequest`
}

export function detectorsOf(guard: GuardSpec, side: GuardSide): readonly Detector[] {
  const kinds: ReadonlySet<string> = new Set(kindsOf(guard, side))
  const asked = Object.entries(byKind).flatMap(([kind, list]) => (kinds.has(kind) ? list : []))
  return kinds.has('blocked') ? [...asked, phraseDetector(guard.blocklist)] : asked
}
