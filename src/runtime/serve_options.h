// What `phoenix serve` was asked to do: flags and --config file, merged and checked for form.
// Plain data; it opens nothing and knows nothing of the world. Flags win over the file. The
// rules that need the world (free ports, the data folder, loopback without --auth-file) are the
// runtime's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace phoenix {

struct ServeOptions {
  std::string name;                         // empty: the machine's hostname
  std::string data_dir = ".phoenixflight";  // created if absent
  std::string listen = "127.0.0.1:7400";    // REST: HOST:PORT or [V6]:PORT; port 0 = any free one
  std::string peer = "127.0.0.1:7401";      // host to host; accepted, nothing listens there yet
  std::string gossip = "127.0.0.1:7946";    // membership, by UDP and TCP; port 0 = any free one
  std::string advertise;                    // HOST or HOST:PORT that others reach; empty: listen
  std::vector<std::string> join;            // HOST:PORT or HOST (7946) of hosts of the pool
  std::string gossip_key_file;              // base64 keys, primary first; empty: no encryption
  std::string pool_dir;                     // what is equal over the pool; empty: data_dir
  std::string store = "sqlite";             // sqlite, postgresql://…, none: a gateway
  int64_t weight = 100;                     // 0..10,000: this host's share; 0: no slots

  // True if the user gave it (flag or file): a port asked for and taken is an error, a default
  // port that is taken becomes a free one.
  bool listen_explicit = false;
  bool peer_explicit = false;
  bool gossip_explicit = false;

  std::string tls_cert;  // PEM files; cert and key come together
  std::string tls_key;
  std::string tls_ca;                   // given: clients must show a certificate of it (mutual TLS)
  std::string auth_file;                // YAML; empty: loopback only, every caller is admin
  std::vector<std::string> allow_host;  // more names that a Host header may carry
  std::vector<std::string> allow_origin;  // origins that a browser may call from
  bool require_member_keys = false;       // members without a key are refused
  bool insecure = false;                  // listen beyond loopback without auth or mutual TLS

  Duration retain = seconds(7 * 24 * 3600);  // how long finished packets stay; > 0
  Duration retain_record{};                  // how long entries of the flight recorder do; 0: all
  int64_t retain_count = 1'000'000;          // at most so many finished packets; >= 0
  int64_t max_live_packets = 1'000'000;      // >= 1, parked ones included
  int64_t max_blob = 256 * 1024 * 1024;      // bytes, >= 1; blobs come later

  std::string log_format = "text";  // text | json
  std::string log_level = "info";   // trace | debug | info | warn | error | off
  bool color = false;               // stdout is a terminal and nobody forbade colour
  bool quiet = false;               // -q: errors only
};

}  // namespace phoenix
