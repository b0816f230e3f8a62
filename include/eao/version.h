/* Version of EAO, semantic versioning. */
#ifndef EAO_VERSION_H
#define EAO_VERSION_H

#define EAO_VERSION_MAJOR 0
#define EAO_VERSION_MINOR 1
#define EAO_VERSION_PATCH 0
#define EAO_VERSION_STRING "0.1.0"

#endif
