// Magika features
//
// What Magika's models see of a file: its first and last bytes without the outer white space, padded to a
// fixed width. After `features_extraction` of google/magika; its reference file is the test of this one.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface FeatureSizes {
  readonly beg_size: number
  readonly mid_size: number
  readonly end_size: number
  readonly block_size: number
  readonly padding_token: number
}

export interface MagikaConfig extends FeatureSizes {
  readonly target_labels_space: readonly string[]
}

const whiteSpace = new Set([9, 10, 11, 12, 13, 32])

/** The bytes that the model takes, one number each. */
export function featuresOf(file: Buffer, sizes: FeatureSizes): number[] {
  const { begin, end } = edgesOf(file, sizes)
  return [...begin, ...new Array<number>(sizes.mid_size).fill(sizes.padding_token), ...end]
}

/** How many numbers the model takes. */
export function widthOf({ beg_size, mid_size, end_size }: FeatureSizes): number {
  return beg_size + mid_size + end_size
}

export function readConfig(folder: string): MagikaConfig {
  return JSON.parse(readFileSync(join(folder, 'config.min.json'), 'utf8'))
}

/** Of the reference's examples, how many there are and how many come out differently here. */
export function compareWithReference(path: string): {
  readonly total: number
  readonly different: number
} {
  const examples: readonly {
    readonly test_info: FeatureSizes
    readonly content: string
    readonly features_v2: { readonly beg: readonly number[]; readonly end: readonly number[] }
  }[] = JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'))
  const different = examples.filter(({ test_info, content, features_v2 }) => {
    const { begin, end } = edgesOf(Buffer.from(content, 'base64'), test_info)
    return `${begin}|${end}` !== `${features_v2.beg}|${features_v2.end}`
  })
  return { total: examples.length, different: different.length }
}

function edgesOf(file: Buffer, sizes: FeatureSizes) {
  const block = Math.min(sizes.block_size, file.length)
  let first = 0
  while (first < block && whiteSpace.has(file[first] ?? 0)) first++
  let last = file.length
  while (last > file.length - block && whiteSpace.has(file[last - 1] ?? 0)) last--
  const head = file.subarray(first, block).subarray(0, sizes.beg_size)
  const tail = file.subarray(file.length - block, last)
  const kept = tail.subarray(Math.max(0, tail.length - sizes.end_size))
  const padding = (length: number) => new Array<number>(length).fill(sizes.padding_token)
  return {
    begin: [...head, ...padding(sizes.beg_size - head.length)],
    end: [...padding(sizes.end_size - kept.length), ...kept],
  }
}
