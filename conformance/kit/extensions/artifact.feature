@extension
Feature: Artifact
  `metadata.tutti.artifact` of a call: its result goes into a content-addressed store, and a reference to it into the run.

  Scenario: The result is a reference, and what it refers to is not in the run
    Given 'GET http://kit.example/report' answers:
    """yaml
    { body: 'a long text' }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-result-is-a-reference-and-what-it-refers-to
      version: '1.0.0'
    do:
      - fetch: { call: http, with: { method: get, endpoint: 'http://kit.example/report' }, metadata: { tutti: { artifact: { name: report } } } }
    """
    When the workflow is executed
    Then the workflow output should have properties 'artifact', 'sizeBytes', 'mediaType'
    And the workflow output should have a 'name' property with value:
    """yaml
    report
    """
    And the workflow output should have a 'sizeBytes' property with value:
    """yaml
    11
    """

  Scenario: A reference as a body is the content
    Given 'GET http://kit.example/report' answers:
    """yaml
    { body: 'a long text' }
    """
    Given 'POST http://kit.example/store' answers:
    """yaml
    { body: { kept: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-reference-as-a-body-is-the-content
      version: '1.0.0'
    do:
      - fetch: { call: http, with: { method: get, endpoint: 'http://kit.example/report' }, metadata: { tutti: { artifact: { name: report } } } }
      - store: { call: http, with: { method: post, endpoint: 'http://kit.example/store', body: '${ . }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { kept: true }
    """
    And 'POST http://kit.example/store' should have been called 1 times

  Scenario: The same content is the same artifact
    Given 'GET http://kit.example/report' answers:
    """yaml
    { body: 'a long text' }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-same-content-is-the-same-artifact
      version: '1.0.0'
    do:
      - one: { call: http, with: { method: get, endpoint: 'http://kit.example/report' }, metadata: { tutti: { artifact: { name: report } } }, export: { as: '${ { one: .artifact } }' } }
      - two: { call: http, with: { method: get, endpoint: 'http://kit.example/report' }, metadata: { tutti: { artifact: { name: report } } } }
      - same: { set: { same: '${ .artifact == $context.one }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { same: true }
    """

  Scenario: An artifact outlives a restart
    Given 'GET http://kit.example/report' answers:
    """yaml
    { body: 'a long text' }
    """
    Given 'POST http://kit.example/store' answers:
    """yaml
    { body: { kept: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-artifact-outlives-a-restart
      version: '1.0.0'
    do:
      - fetch: { call: http, with: { method: get, endpoint: 'http://kit.example/report' }, metadata: { tutti: { artifact: { name: report } } }, export: { as: '${ . }' } }
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - store: { call: http, with: { method: post, endpoint: 'http://kit.example/store', body: '${ $context }' } }
    """
    When the workflow is executed
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    { kept: true }
    """
    And 'GET http://kit.example/report' should have been called 1 times
