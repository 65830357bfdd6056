// A run of user messages and push/pull states from anybody: one byte of length, then that many
// bytes, and so on. Nothing breaks, what comes out can be read, and room stays bounded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "membership/serf/serf.h"
#include "membership/serf/test_hosts.h"

namespace phoenix::gossip {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void check_effects(const Serf::Effects& out) {
  for (const Serf::Send& send : out.sends) {
    check(send.to.valid() && send.message.size() <= kMaxQueryResponse);
  }
  for (const Serf::Rumour& rumour : out.rumours) {
    check(!rumour.message.empty() && rumour.message.size() <= 1'300);
  }
  for (const Serf::Change& change : out.changes) check(change.from != change.to);
}

void run(std::string_view input) {
  test::Rig rig;
  rig.join("a", {{"role", "db"}});
  rig.serf.host_gone(rig.join("b"), false, rig.now, rig.out);
  Keyring keyring;
  check(keyring.install(std::string(16, 'k')).has_value());
  while (!input.empty()) {
    const size_t length = static_cast<uint8_t>(input[0]);
    const std::string_view message = input.substr(1, length);
    input.remove_prefix(std::min(input.size(), length + 1));
    rig.out.clear();
    rig.serf.receive(message, rig.now, rig.out);
    rig.serf.merge(message, length % 2 == 0, rig.now, rig.out);
    const std::vector<Serf::KeyRequest> requests = rig.out.key_requests;
    for (const Serf::KeyRequest& request : requests) rig.serf.carry_out(request, keyring, rig.out);
    check_effects(rig.out);
    rig.now.mono = rig.now.mono + milliseconds(1);
  }
  const std::string local = rig.serf.local_state();
  SerfState state;
  check(decode(std::string_view(local).substr(1), state));
  check(rig.status("me") == HostStatus::kAlive);
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  phoenix::gossip::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
