export {
  decideWitness,
  type WitnessDecision,
  type WitnessQuestion,
  type WitnessRefusal,
} from './decide-witness.ts'
