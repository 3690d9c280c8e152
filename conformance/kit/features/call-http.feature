Feature: Call HTTP
  Requests over HTTP and what becomes of their answers.

  Scenario Outline: A <method> request
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-x-request
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: <method>, endpoint: 'http://kit.example/thing' } }
    """
    And given '<upper> http://kit.example/thing' answers:
    """yaml
    body: { by: <method> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { by: <method> }
    """

    Examples:
      | method | upper  |
      | get    | GET    |
      | post   | POST   |
      | put    | PUT    |
      | patch  | PATCH  |
      | delete | DELETE |

  Scenario: A body is sent as JSON
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-body-is-sent-as-json
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: post, endpoint: 'http://kit.example/orders', body: { id: '${ .id }', list: [1] } } }
    """
    And given the workflow input is:
    """yaml
    { id: 7 }
    """
    And given 'POST http://kit.example/orders' answers:
    """yaml
    status: 201
    body: { ok: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { ok: true }
    """
    And 'POST http://kit.example/orders' should have been called with:
    """yaml
    body: { id: 7, list: [1] }
    headers: { content-type: application/json }
    """

  Scenario: Headers are sent, expressions and all
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: headers-are-sent-expressions-and-all
      version: '1.0.0'
    do:
      - ask:
          call: http
          with: { method: get, endpoint: 'http://kit.example/thing', headers: { x-plain: a, x-made: '${ .who }' } }
    """
    And given the workflow input is:
    """yaml
    { who: Ada }
    """
    And given 'GET http://kit.example/thing' answers:
    """yaml
    body: {}
    """
    When the workflow is executed
    Then 'GET http://kit.example/thing' should have been called with:
    """yaml
    headers: { x-plain: a, x-made: Ada }
    """

  Scenario: Query parameters are sent
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: query-parameters-are-sent
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/find', query: { status: sold, page: '${ .page }' } } }
    """
    And given the workflow input is:
    """yaml
    { page: '2' }
    """
    And given 'GET http://kit.example/find' answers:
    """yaml
    body: []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """
    And 'GET http://kit.example/find' should have been called with:
    """yaml
    query: { status: sold, page: '2' }
    """

  Scenario: A URI template is filled in from the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-uri-template-is-filled-in-from-the-input
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/orders/{id}' } }
    """
    And given the workflow input is:
    """yaml
    { id: 7 }
    """
    And given 'GET http://kit.example/orders/7' answers:
    """yaml
    body: { id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { id: 7 }
    """

  Scenario: An endpoint may be an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-endpoint-may-be-an-expression
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: '${ "http://kit.example/" + .what }' } }
    """
    And given the workflow input is:
    """yaml
    { what: bread }
    """
    And given 'GET http://kit.example/bread' answers:
    """yaml
    body: { is: bread }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: bread }
    """

  Scenario: An endpoint may be an object with a uri
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-endpoint-may-be-an-object-with-a-uri
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: { uri: 'http://kit.example/thing' } } }
    """
    And given 'GET http://kit.example/thing' answers:
    """yaml
    body: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """

  Scenario Outline: A status of <status> is a communication error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-status-of-x-is-a-communication-error
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/bad' } }
    """
    And given 'GET http://kit.example/bad' answers:
    """yaml
    status: <status>
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/communication
    status: <status>
    """

    Examples:
      | status |
      | 400    |
      | 404    |
      | 409    |
      | 500    |
      | 503    |

  Scenario: Output response gives status, headers and content
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-response-gives-status-headers-and-content
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/thing', output: response } }
    """
    And given 'GET http://kit.example/thing' answers:
    """yaml
    status: 202
    headers: { x-mark: here }
    body: { n: 1 }
    """
    When the workflow is executed
    Then the workflow output should have a 'statusCode' property with value:
    """yaml
    202
    """
    And the workflow output should have a 'content' property with value:
    """yaml
    { n: 1 }
    """
    And the workflow output should have a 'headers.x-mark' property with value:
    """yaml
    here
    """

  Scenario: Output raw gives the bytes in base64
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-raw-gives-the-bytes-in-base64
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/text', output: raw } }
    """
    And given 'GET http://kit.example/text' answers:
    """yaml
    body: hello
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    aGVsbG8=
    """

  Scenario: Text that is no JSON is text
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: text-that-is-no-json-is-text
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/text' } }
    """
    And given 'GET http://kit.example/text' answers:
    """yaml
    body: hello
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello
    """

  Scenario: A call is made once however often its output is used
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-call-is-made-once-however-often-its-output-is-us
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/n' } }
      - twice: { set: { v: '${ [.n, .n] }' } }
    """
    And given 'GET http://kit.example/n' answers:
    """yaml
    body: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: [1, 1] }
    """
    And 'GET http://kit.example/n' should have been called 1 time

  Scenario: A redirect that is not asked for is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-redirect-that-is-not-asked-for-is-an-error
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/old' } }
    """
    And given 'GET http://kit.example/old' answers:
    """yaml
    status: 302
    headers: { location: 'http://kit.example/new' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 302
    """
