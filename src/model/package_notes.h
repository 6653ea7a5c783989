#pragma once

#include <string>
#include <vector>

#include "model/resolver.h"

// What a person should know of an answer of the resolver; the planner's, and of nobody else.
namespace cutover {

// On another base: what becomes of the patches that are present.
std::vector<std::string> notes_of_patches(const ResolveRequest& request,
                                          const Resolution& resolution);

// Of what comes, and with `new_base` of all: what hides a newer feature of the base, and what
// touches a service that nothing brings, or nothing any more.
std::vector<std::string> warnings_of(const ResolveRequest& request, const Resolution& resolution,
                                     bool new_base);

}  // namespace cutover
