// Client embeds
//
// Vectors of texts, asked for by the clients of both dialects that have them.

import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { GoogleGenAI } from '@google/genai'
import { OpenAIEmbeddings } from '@langchain/openai'
import { embed, embedMany } from 'ai'
import OpenAI from 'openai'
import type { DialectBed } from './dialect-bed.ts'
import type { Scoring } from './score.ts'
import { vectorOf } from './wire/embeddings.ts'
import type { DialectName } from './wire/wire-dialect.ts'

type Vectors = readonly (readonly number[] | undefined)[]

const texts = ['Köln', 'Oslo, and what it is like']
const over: readonly DialectName[] = ['openai', 'gemini']

/** Each client, over each dialect: a vector for each text, in their order. */
export async function judgeEmbeddings(bed: DialectBed, scoring: Scoring): Promise<void> {
  const clients = clientsOf(bed)
  for (const to of over) {
    for (const [name, ask] of Object.entries(clients)) {
      const given = await ask(bed.modelOf(to)).catch(String)
      const isWell = typeof given !== 'string' && isEach(given)
      scoring.check(isWell, `${name} embeds over ${to}: ${JSON.stringify(given)}`)
    }
  }
}

/** As exactly as four bytes hold it. */
function isEach(given: Vectors): boolean {
  const close = (one: number | undefined, other: number) => Math.abs((one ?? NaN) - other) < 1e-6
  const isVector = (text: string, place: number) =>
    vectorOf(text).every((value, i) => close(given[place]?.[i], value))
  return given.length === texts.length && texts.every(isVector)
}

function clientsOf({ fleet: { gateway, key: apiKey } }: DialectBed) {
  const openai = new OpenAI({ apiKey, baseURL: `${gateway}/v1`, maxRetries: 0 })
  const genai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway } })
  const ofOpenai = createOpenAI({ apiKey, baseURL: `${gateway}/v1` })
  const ofGoogle = createGoogleGenerativeAI({ apiKey, baseURL: `${gateway}/v1beta` })
  const many = async (model: Parameters<typeof embedMany>[0]['model']) =>
    (await embedMany({ model, values: texts })).embeddings
  const oneByOne = (model: Parameters<typeof embed>[0]['model']) =>
    Promise.all(texts.map(async (value) => (await embed({ model, value })).embedding))
  const clients: Readonly<Record<string, (model: string) => Promise<Vectors>>> = {
    openai: async (model) => {
      const { data } = await openai.embeddings.create({ model, input: texts })
      return data.map(({ embedding }) => embedding)
    },
    '@google/genai': async (model) => {
      const { embeddings = [] } = await genai.models.embedContent({ model, contents: texts })
      return embeddings.map(({ values }) => values)
    },
    '@langchain/openai': (model) => {
      const configuration = { baseURL: `${gateway}/v1` }
      return new OpenAIEmbeddings({ apiKey, model, configuration }).embedDocuments(texts)
    },
    'ai with @ai-sdk/openai': (model) => many(ofOpenai.embedding(model)),
    'ai with @ai-sdk/google': (model) => many(ofGoogle.embedding(model)),
    'ai with @ai-sdk/google, one by one': (model) => oneByOne(ofGoogle.embedding(model)),
  }
  return clients
}
