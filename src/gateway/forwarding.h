// What of a call's head goes on to a keeper, and of an answer's head back to the client. Pure.
//
// Left out are the fields of one connection (RFC 9110, 7.6.1), and what the gateway has judged by
// itself: Host, Origin, Sec-Fetch-*, Expect. Added is Phoenix-Gateway, the base URL under which the
// client reached the gateway: a session's answers name it in place of hosts that the client may not
// reach. One that the client sent does not go on.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/call.h"
#include "client/url.h"
#include "net/http_message.h"

namespace phoenix::gateway {

inline constexpr std::string_view kGatewayField = "phoenix-gateway";

// The request as it is sent to `keeper`, body included.
std::string forwarded(const HttpRequest& request, const BaseUrl& keeper, std::string_view own_url);
// The fields of the keeper's answer that are the client's.
std::vector<std::pair<std::string, std::string>> handed_back(const Answer& answer);

}  // namespace phoenix::gateway
