@extension
Feature: Compensate
  `call: tutti.compensate`: a list of tasks that is done, or undone (a saga); a task says under `metadata.tutti.undo`
  what takes it back.

  Scenario: What was completed is undone, the last one first, where the list fails
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/pay' answers:
    """yaml
    { body: { of: pay } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given 'POST http://kit.example/unpay' answers:
    """yaml
    { body: { of: unpay } }
    """
    Given 'POST http://kit.example/ship' answers:
    """yaml
    { status: 503 }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-was-completed-is-undone-the-last-one-first
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { pay: { call: http, with: { method: post, endpoint: 'http://kit.example/pay' }, metadata: { tutti: { undo: [ { unpay: { call: http, with: { method: post, endpoint: 'http://kit.example/unpay' , body: '${ .output }' } } } ] } } } }
              - { ship: { call: http, with: { method: post, endpoint: 'http://kit.example/ship' }, metadata: { tutti: { undo: [ { unship: { call: http, with: { method: post, endpoint: 'http://kit.example/unship' , body: '${ .output }' } } } ] } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { status: 503 }
    """
    And unbook should run after unpay
    And unship should not run
    And 'POST http://kit.example/unpay' should have been called with:
    """yaml
    { body: { of: pay } }
    """

  Scenario: Nothing is undone where nothing fails
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/pay' answers:
    """yaml
    { body: { of: pay } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: nothing-is-undone-where-nothing-fails
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { pay: { call: http, with: { method: post, endpoint: 'http://kit.example/pay' }, metadata: { tutti: { undo: [ { unpay: { call: http, with: { method: post, endpoint: 'http://kit.example/unpay' , body: '${ .output }' } } } ] } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { of: pay }
    """
    And unbook should not run

  Scenario: The error after an undo can be caught
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given 'POST http://kit.example/pay' answers:
    """yaml
    { status: 503 }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-error-after-an-undo-can-be-caught
      version: '1.0.0'
    do:
      - attempt:
          try:
            - saga:
                call: tutti.compensate
                with: { do: [ { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }, { pay: { call: http, with: { method: post, endpoint: 'http://kit.example/pay' }, metadata: { tutti: { undo: [ { unpay: { call: http, with: { method: post, endpoint: 'http://kit.example/unpay' , body: '${ .output }' } } } ] } } } } ] }
          catch: { do: [ { caught: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: true }
    """
    And caught should run after unbook

  Scenario: An undo that fails keeps no other from being tried
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/pay' answers:
    """yaml
    { body: { of: pay } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given 'POST http://kit.example/unpay' answers:
    """yaml
    { status: 500 }
    """
    Given 'POST http://kit.example/ship' answers:
    """yaml
    { status: 503 }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-undo-that-fails-keeps-no-other-from-being-tri
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { pay: { call: http, with: { method: post, endpoint: 'http://kit.example/pay' }, metadata: { tutti: { undo: [ { unpay: { call: http, with: { method: post, endpoint: 'http://kit.example/unpay' , body: '${ .output }' } } } ] } } } }
              - { ship: { call: http, with: { method: post, endpoint: 'http://kit.example/ship' }, metadata: { tutti: { undo: [ { unship: { call: http, with: { method: post, endpoint: 'http://kit.example/unship' , body: '${ .output }' } } } ] } } } }
    """
    When the workflow is executed
    Then the workflow should fault
    And 'POST http://kit.example/unbook' should have been called 1 times

  Scenario: A saga that is cancelled is undone
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-saga-that-is-cancelled-is-undone
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { hear: { listen: { to: { one: { with: { type: kit.go } } } } } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow is cancelled
    Then the workflow should be cancelled
    And unbook should run 1 times

  Scenario: A saga that takes too long is undone
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-saga-that-takes-too-long-is-undone
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { nap: { wait: { hours: 1 } } }
            within: { milliseconds: 40 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { status: 408 }
    """
    And unbook should run 1 times

  Scenario: What was done before a restart is undone after it
    Given 'POST http://kit.example/book' answers:
    """yaml
    { body: { of: book } }
    """
    Given 'POST http://kit.example/unbook' answers:
    """yaml
    { body: { of: unbook } }
    """
    Given 'POST http://kit.example/ship' answers:
    """yaml
    { status: 503 }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-was-done-before-a-restart-is-undone-after-i
      version: '1.0.0'
    do:
      - saga:
          call: tutti.compensate
          with:
            do:
              - { book: { call: http, with: { method: post, endpoint: 'http://kit.example/book' }, metadata: { tutti: { undo: [ { unbook: { call: http, with: { method: post, endpoint: 'http://kit.example/unbook' , body: '${ .output }' } } } ] } } } }
              - { hear: { listen: { to: { one: { with: { type: kit.go } } } } } }
              - { ship: { call: http, with: { method: post, endpoint: 'http://kit.example/ship' }, metadata: { tutti: { undo: [ { unship: { call: http, with: { method: post, endpoint: 'http://kit.example/unship' , body: '${ .output }' } } } ] } } } }
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
    { status: 503 }
    """
    And unbook should run 1 times
    And 'POST http://kit.example/book' should have been called 1 times
