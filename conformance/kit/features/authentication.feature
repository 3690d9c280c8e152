Feature: Authentication
  How calls prove who makes them.

  Scenario: Basic authentication
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: basic-authentication
      version: '1.0.0'
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: { uri: 'http://kit.example/closed', authentication: { basic: { username: ada, password: '${ .password }' } } }
    """
    And given the workflow input is:
    """yaml
    { password: s }
    """
    And given 'GET http://kit.example/closed' answers:
    """yaml
    body: { in: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { in: true }
    """
    And 'GET http://kit.example/closed' should have been called with:
    """yaml
    headers: { authorization: 'Basic YWRhOnM=' }
    """

  Scenario: A bearer token
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-bearer-token
      version: '1.0.0'
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: 'http://kit.example/closed', authentication: { bearer: { token: t0k } } } }
    """
    And given 'GET http://kit.example/closed' answers:
    """yaml
    body: { in: true }
    """
    When the workflow is executed
    Then 'GET http://kit.example/closed' should have been called with:
    """yaml
    headers: { authorization: 'Bearer t0k' }
    """

  Scenario: An authentication by its name in use
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-authentication-by-its-name-in-use
      version: '1.0.0'
    use:
      authentications:
        mine: { bearer: { token: t0k } }
    do:
      - ask: { call: http, with: { method: get, endpoint: { uri: 'http://kit.example/closed', authentication: { use: mine } } } }
    """
    And given 'GET http://kit.example/closed' answers:
    """yaml
    body: { in: true }
    """
    When the workflow is executed
    Then 'GET http://kit.example/closed' should have been called with:
    """yaml
    headers: { authorization: 'Bearer t0k' }
    """

  Scenario: A secret holds the credentials
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-secret-holds-the-credentials
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - ask: { call: http, with: { method: get, endpoint: { uri: 'http://kit.example/closed', authentication: { basic: { use: login } } } } }
    """
    And given the secret 'login' is:
    """yaml
    { username: ada, password: s }
    """
    And given 'GET http://kit.example/closed' answers:
    """yaml
    body: { in: true }
    """
    When the workflow is executed
    Then 'GET http://kit.example/closed' should have been called with:
    """yaml
    headers: { authorization: 'Basic YWRhOnM=' }
    """

  Scenario: OAuth2 client credentials are changed for a token first
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: oauth2-client-credentials-are-changed-for-a-token
      version: '1.0.0'
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: http://kit.example/closed
              authentication:
                oauth2:
                  authority: http://login.example
                  endpoints: { token: /token }
                  grant: client_credentials
                  client: { id: me, secret: s }
    """
    And given 'POST http://login.example/token' answers:
    """yaml
    body: { access_token: fresh, token_type: Bearer, expires_in: 60 }
    """
    And given 'GET http://kit.example/closed' answers:
    """yaml
    body: { in: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { in: true }
    """
    And 'GET http://kit.example/closed' should have been called with:
    """yaml
    headers: { authorization: 'Bearer fresh' }
    """
