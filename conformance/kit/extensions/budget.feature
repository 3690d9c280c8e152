@extension
Feature: Budget
  `metadata.tutti.budget` of a document: what all asks of models in one run may use together.

  Scenario: All asks of a run together use no more than its budget
    Given the route 'writer' answers:
    """yaml
    { content: fine, usage: { prompt_tokens: 30, completion_tokens: 30, total_tokens: 60 } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: all-asks-of-a-run-together-use-no-more-than-its
      version: '1.0.0'
      metadata: { tutti: { budget: { tokens: 100 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - two: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - three: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: 'urn:tutti:error:limit', status: 429 }
    """
    And the route 'writer' should have been asked 2 times

  Scenario: Within the budget nothing is different
    Given the route 'writer' answers:
    """yaml
    { content: fine, usage: { prompt_tokens: 30, completion_tokens: 30, total_tokens: 60 } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: within-the-budget-nothing-is-different
      version: '1.0.0'
      metadata: { tutti: { budget: { tokens: 100 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - said: { set: { said: '${ .content }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { said: fine }
    """

  Scenario: A limit of cost counts, too
    Given the route 'writer' answers:
    """yaml
    { content: fine, usage: { total_tokens: 60, cost: 0.6 } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-limit-of-cost-counts-too
      version: '1.0.0'
      metadata: { tutti: { budget: { cost: 1 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - two: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - three: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: 'urn:tutti:error:limit' }
    """
    And the route 'writer' should have been asked 2 times

  Scenario: An answer that does not say what it used is an error where there is a budget
    Given the route 'writer' answers:
    """yaml
    { content: fine }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-answer-that-does-not-say-what-it-used-is-an-e
      version: '1.0.0'
      metadata: { tutti: { budget: { tokens: 100 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
    """
    When the workflow is executed
    Then the workflow should fault
    And the route 'writer' should have been asked 1 times

  Scenario: What was used before a restart is used after it
    Given the route 'writer' answers:
    """yaml
    { content: fine, usage: { total_tokens: 100 } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-was-used-before-a-restart-is-used-after-it
      version: '1.0.0'
      metadata: { tutti: { budget: { tokens: 100 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - two: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow should fault with error:
    """yaml
    { type: 'urn:tutti:error:limit' }
    """
    And the route 'writer' should have been asked 1 times

  Scenario: A budget that is used up can be caught
    Given the route 'writer' answers:
    """yaml
    { content: fine, usage: { total_tokens: 100 } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-budget-that-is-used-up-can-be-caught
      version: '1.0.0'
      metadata: { tutti: { budget: { tokens: 100 } } }
    do:
      - one: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
      - attempt:
          try:
            - two: { call: tutti.infer, with: { route: writer, messages: [ { role: user, content: go } ] } }
          catch: { errors: { with: { type: 'urn:tutti:error:limit' } }, do: [ { short: { set: { short: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { short: true }
    """
