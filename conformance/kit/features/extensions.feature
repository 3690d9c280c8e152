Feature: Extensions
  Tasks before and after other tasks.

  Scenario: Before and after run around every task of the kind
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: before-and-after-run-around-every-task-of-the-kind
      version: '1.0.0'
    use:
      extensions:
        - watch:
            extend: set
            before: [ { pre: { call: http, with: { method: post, endpoint: 'http://kit.example/before' } } } ]
            after: [ { post: { call: http, with: { method: post, endpoint: 'http://kit.example/after' } } } ]
    do:
      - one: { set: { n: 1 } }
      - two: { set: { n: 2 } }
    """
    And given 'POST http://kit.example/before' answers:
    """yaml
    body: {}
    """
    And given 'POST http://kit.example/after' answers:
    """yaml
    body: {}
    """
    When the workflow is executed
    Then 'POST http://kit.example/before' should have been called 2 times
    And 'POST http://kit.example/after' should have been called 2 times
    And the workflow should complete with output:
    """yaml
    { n: 2 }
    """

  Scenario: An extension of another kind leaves a task alone
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-extension-of-another-kind-leaves-a-task-alone
      version: '1.0.0'
    use:
      extensions:
        - watch:
            extend: wait
            before: [ { pre: { call: http, with: { method: post, endpoint: 'http://kit.example/before' } } } ]
    do:
      - one: { set: { n: 1 } }
    """
    When the workflow is executed
    Then 'POST http://kit.example/before' should have been called 0 times
    And the workflow should complete with output:
    """yaml
    { n: 1 }
    """

  Scenario: An extension with a when runs where it holds
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-extension-with-a-when-runs-where-it-holds
      version: '1.0.0'
    use:
      extensions:
        - watch:
            extend: all
            when: '${ .n == 1 }'
            before: [ { pre: { call: http, with: { method: post, endpoint: 'http://kit.example/before' } } } ]
    do:
      - one: { set: { n: 1 } }
      - two: { set: { n: 2 } }
    """
    And given 'POST http://kit.example/before' answers:
    """yaml
    body: {}
    """
    When the workflow is executed
    Then 'POST http://kit.example/before' should have been called 1 time
    And the workflow should complete with output:
    """yaml
    { n: 2 }
    """
