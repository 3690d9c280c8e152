export { type ClincData, intentsAll, readClinc } from './intents/clinc-data.ts'
export { accuracyMin, intentRelease } from './intents/intent-release.ts'
export { codePointsOf, textWidth } from './intents/ngrams.ts'
export { openWorkshop, type Workshop } from './workshop.ts'
