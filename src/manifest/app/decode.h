// From checked documents to the parts of an App. What a document says wrongly reads as left out;
// check.h has told of it.
#pragma once

#include "manifest/app/model.h"

namespace phoenix::manifest {

// What every document has.
struct Header {
  ApiVersion version = ApiVersion::kV1;
  bool enforce = true;  // what the original ignored takes effect
  std::string ns;       // the app's, for documents that name none
  int64_t now_ms = 0;   // since 1970; 0: nothing is compared with it
};

void decode_app(const Node& document, ApiVersion version, App* app, Findings* findings);
Agent decode_agent(const Node& document, const Header& header, Findings* findings);
Packet decode_packet(const Node& document, const Header& header, Findings* findings);
Contract decode_contract(const Node& document, const Header& header, Findings* findings);
// `file`: within the app's folder; its name says the point of a bare policy.
PolicyDocument decode_policy(const Node& document, ApiVersion version, bool bare,
                             const std::string& file, Findings* findings);

PolicyTest decode_test(const Node& document, ApiVersion version);

// What a host can find the thing of that name by: an id, made of it; empty where nothing is left.
std::string name_from(const std::string& path);

// The files that an app's document refers to, with the kinds that may stand there.
struct Reference {
  const Node* node = nullptr;  // its path, in the document
  std::string path;            // "dataPlane.agents[0]"
  std::string kind;            // Agent, FlightPacket, HandoffContract, Policy
};
std::vector<Reference> references(const Node& document, ApiVersion version);

}  // namespace phoenix::manifest
