// Specs
//
// The schema of each kind's spec: parsing, JSON Schema and OpenAPI come from here.

import type { z } from 'zod'
import { deploymentSpec, modelSpec, nodeSpec, rolloutResourceSpec } from '../fleet/index.ts'
import { approvalSpec, policySpec, projectSpec, secretSpec } from '../governance/index.ts'
import type { Kind } from '../resource/index.ts'
import { declaredBudgetSpec, keySpec, providerSpec, routeSpec } from '../routing/index.ts'
import { workflowSpec } from '../workflow/index.ts'

export const specs = {
  Project: projectSpec,
  Node: nodeSpec,
  Policy: policySpec,
  Model: modelSpec,
  Deployment: deploymentSpec,
  Rollout: rolloutResourceSpec,
  Provider: providerSpec,
  Route: routeSpec,
  Key: keySpec,
  Workflow: workflowSpec,
  Budget: declaredBudgetSpec,
  Approval: approvalSpec,
  Secret: secretSpec,
} as const satisfies Record<Kind, z.ZodType>
