{
  "targets": [
    {
      "target_name": "shardcast",
      "sources": [
        "src/addon.cc",
        "src/address.cc",
        "src/dtls_context.cc",
        "src/dtls_handshake.cc",
        "src/dtls_object.cc",
        "src/fan_out.cc",
        "src/fan_out_object.cc",
        "src/ready_set.cc",
        "src/srtp_cipher.cc",
        "src/srtp_object.cc",
        "src/stream_socket.cc",
        "src/stream_socket_object.cc",
        "src/udp_socket.cc",
        "src/udp_socket_object.cc",
        "src/vaes_gcm.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
                  # A thread may be ended while it is in a call: what cannot be thrown then is not worth an abort.
                  "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "OPENSSL_SUPPRESS_DEPRECATED"],
      "cflags_cc": ["-std=c++20", "-O3", "-Wall", "-Wextra", "-Wno-cast-function-type", "-fvisibility=hidden"],
      "cflags_cc!": ["-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "ldflags": ["-Wl,-z,now"]
    }
  ]
}
