@extension
Feature: Queue
  `metadata.tutti.queue`, `concurrency`, `rate` and `priority` of a document: when its runs may begin.

  Scenario: A run waits while as many run as its workflow allows
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: second-of-two
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - second: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-run-waits-while-as-many-run-as-its-workflow-al
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow 'second-of-two' is executed
    Then the workflow 'second-of-two' should wait
    And second should not run
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow should complete
    And the workflow 'second-of-two' should complete
    And second should run after first

  Scenario: Runs of another queue do not wait
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: of-another-queue
      version: '1.0.0'
      metadata: { tutti: { queue: another, concurrency: 1 } }
    do:
      - second: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: runs-of-another-queue-do-not-wait
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow 'of-another-queue' is executed
    Then the workflow 'of-another-queue' should complete
    And first should not run

  Scenario: Without limits nobody waits
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: without-limits
      version: '1.0.0'
    do:
      - second: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: without-limits-nobody-waits
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow 'without-limits' is executed
    Then the workflow 'without-limits' should complete

  Scenario: What matters more begins before what came sooner
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: matters-less
      version: '1.0.0'
      metadata: { tutti: { queue: by-priority, concurrency: 1, priority: -1 } }
    do:
      - less: { set: { done: true } }
    """
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: matters-more
      version: '1.0.0'
      metadata: { tutti: { queue: by-priority, concurrency: 1, priority: 5 } }
    do:
      - more: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-matters-more-begins-before-what-came-sooner
      version: '1.0.0'
      metadata: { tutti: { queue: by-priority, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow 'matters-less' is executed
    Then the workflow 'matters-less' should wait
    When the workflow 'matters-more' is executed
    Then the workflow 'matters-more' should wait
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow 'matters-less' should complete
    And the workflow 'matters-more' should complete
    And less should run after more

  Scenario: A rate lets the next one wait
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: next-in-an-hour
      version: '1.0.0'
      metadata: { tutti: { queue: paced, rate: { runs: 1, per: { hours: 1 } } } }
    do:
      - second: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-rate-lets-the-next-one-wait
      version: '1.0.0'
      metadata: { tutti: { queue: paced, rate: { runs: 1, per: { hours: 1 } } } }
    do:
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should complete
    When the workflow 'next-in-an-hour' is executed
    Then the workflow 'next-in-an-hour' should wait
    And second should not run

  Scenario: Who waits in a queue can be cancelled, and never begins
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: holds-the-queue
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: who-waits-in-a-queue-can-be-cancelled-and-never
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - second: { set: { done: true } }
    """
    When the workflow 'holds-the-queue' is executed
    Then the workflow 'holds-the-queue' should wait
    When the workflow is executed
    Then the workflow should wait
    When the workflow is cancelled
    Then the workflow should be cancelled
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow 'holds-the-queue' should complete
    And second should not run

  Scenario: Who waits in a queue waits on after a restart
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: second-after-restart
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - second: { set: { done: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: who-waits-in-a-queue-waits-on-after-a-restart
      version: '1.0.0'
      metadata: { tutti: { queue: one-by-one, concurrency: 1 } }
    do:
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - first: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow 'second-after-restart' is executed
    Then the workflow 'second-after-restart' should wait
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow should complete
    And the workflow 'second-after-restart' should complete
