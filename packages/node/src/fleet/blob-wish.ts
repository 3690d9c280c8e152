// Blob wish
//
// A file that this node needs, and where the control plane gives it.

export interface BlobSource {
  /** `http://…/api/v1/blobs`, without the digest. */
  readonly url: string
  readonly bearer: string
}

export interface BlobWish {
  readonly digest: string
  readonly sizeBytes: number
}
