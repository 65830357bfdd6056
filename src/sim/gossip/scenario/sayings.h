// Messages of memberlist and Serf as words, for scenarios: "suspect c inc=3 from=b". Both ways.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "membership/endpoint.h"
#include "sim/scenario/script.h"

namespace phoenix::hostsim {

// Where a host of this name is.
using AddressBook = std::function<gossip::Endpoint(std::string_view name)>;

// The message that `speaker` says, with its type byte; nothing if the words make none. README.md of
// tests/scenarios/gossip has them all.
std::optional<std::string> message_of(const std::string& speaker, const sim::Words& words,
                                      const AddressBook& where);
// The other way; what pings and acks carry beside a name is left out, for it differs by chance.
std::string words_of(std::string_view message);
// Part of probing: it comes and goes all the time.
bool is_probe(std::string_view message);

// "0a1b"; nothing if it is none.
std::optional<std::string> bytes_of_hex(std::string_view hex);
// "10.0.0.9" with the usual port.
gossip::Endpoint endpoint_of_text(std::string_view ip);

}  // namespace phoenix::hostsim
